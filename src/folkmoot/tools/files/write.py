"""files_write: a file, whole."""

from typing import Any

from folkmoot.core.effects import Effect
from folkmoot.ports.tool import ToolContext, ToolSpec
from folkmoot.tools.files import content, paths
from folkmoot.tools.files.base import PATH, FileTool, spec, workspace
from folkmoot.tools.files.workspace import split
from folkmoot.tools.threads import Stop
from folkmoot.tools.trouble import Trouble


class Write(FileTool):
    """Creates a file or replaces its content, atomically; missing folders are created."""

    actions = ("write",)

    def describe(self) -> ToolSpec:
        """Return the tool's spec."""
        return spec(
            "files_write",
            "Write a text file of the workspace, whole: creates it, with its folders, or replaces "
            "what it holds. For a change to a part of a file use files_edit.",
            Effect.IDEMPOTENT,
            path={**PATH, "description": "The file, relative to the workspace."},
            content={"type": "string", "description": "Everything that the file is to hold."},
        )

    def work(self, args: dict[str, Any], context: ToolContext, stop: Stop) -> str:  # noqa: ARG002 - one file is short work
        """Write."""
        path = paths.normal(args["path"])
        data = encoded(args["content"], path, self.options.max_bytes)
        place = workspace(context)
        place.make()
        above, _ = split(path)
        with place.folder(above, create=True, asked=path) as folder, place.locked(folder):
            content.replace(place, folder, path, data, context.effect)
        # Not "created" or "replaced": done again after a crash, the answer must be the same.
        return f"Wrote `{path}` ({len(data):,} bytes)."


def encoded(text: str, path: str, most: int) -> bytes:
    """Return text as bytes. Raises Trouble when it is no text or too much."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise Trouble(
            "BAD_TEXT", "The content holds half a character (a lone surrogate)."
        ) from None
    if len(data) > most:
        raise Trouble(
            "TOO_LARGE", f"`{path}` would have {len(data):,} bytes; at most {most:,} are written."
        )
    return data
