"""files_read: lines of a text file."""

from typing import Any

from folkmoot.core.effects import Effect
from folkmoot.ports.tool import ToolContext, ToolSpec
from folkmoot.tools.files import content, paths
from folkmoot.tools.files.base import PATH, FileTool, spec, workspace
from folkmoot.tools.threads import Stop
from folkmoot.tools.trouble import Trouble

_NOTE_ROOM = 200
_LINES = 2_000


class Read(FileTool):
    """Returns lines as they are. When some are left out, a last line says which were shown."""

    def describe(self) -> ToolSpec:
        """Return the tool's spec."""
        return spec(
            "files_read",
            "Read lines of a text file of the workspace. Returns them as they are; when the file "
            "goes on, a last line in square brackets says where to read on.",
            Effect.PURE,
            path={**PATH, "description": "The file, relative to the workspace."},
            offset={
                "type": "integer", "minimum": 1, "default": 1,
                "description": "The first line to read, counted from 1.",
            },
            limit={
                "type": "integer", "minimum": 1, "default": _LINES,
                "description": "How many lines to read at most.",
            },
        )  # fmt: skip

    def work(self, args: dict[str, Any], context: ToolContext, stop: Stop) -> str:  # noqa: ARG002 - one file is short work
        """Read."""
        path = paths.normal(args["path"])
        with workspace(context).file(path) as fd:
            text = content.text(content.read(fd, path, self.options.max_bytes), path)
        if not text:
            return "[the file is empty]"
        return _lines(text, path, args.get("offset", 1), args.get("limit", _LINES), context)


def _lines(text: str, path: str, offset: int, limit: int, context: ToolContext) -> str:
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if offset > len(lines):
        raise Trouble("NOT_FOUND", f"`{path}` has {len(lines):,} lines; there is no line {offset}.")
    wanted = lines[offset - 1 : offset - 1 + limit]
    shown = _fitting(wanted, context.max_output - _NOTE_ROOM)
    last = offset - 1 + len(shown)
    if offset == 1 and last == len(lines) and len(text) <= context.max_output:
        return text
    if not shown:
        room = max(context.max_output - _NOTE_ROOM, 0)
        return f"{wanted[0][:room]}\n[line {offset} has {len(wanted[0]):,} characters; cut here]"
    more = f"; read on with offset={last + 1}" if last < len(lines) else ""
    return "\n".join(shown) + f"\n[lines {offset}-{last} of {len(lines)}{more}]"


def _fitting(lines: list[str], room: int) -> list[str]:
    """Return as many whole lines as fit into `room` characters."""
    for count, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return lines[:count]
    return lines
