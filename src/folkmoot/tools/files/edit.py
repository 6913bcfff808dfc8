"""files_edit: one passage of a file, replaced.

Recovery. The new file appears at once or not at all (content.py), so after a crash the file tells
which: it holds the new text and no longer the old, or the old and not yet the new. Anything else
was somebody else's doing, and the call stays in doubt. So it does where an edit that takes away a part
of `old` may have made `old` anew of what is left ("    x" to "x" where eight spaces stood): to do that
again would be to do it twice.
"""

from typing import Any

from folkmoot.core.effects import Effect
from folkmoot.core.errors import ToolFault
from folkmoot.ports.tool import ToolContext, ToolResult, ToolSpec
from folkmoot.tools.files import content, paths
from folkmoot.tools.files.base import PATH, FileTool, spec, workspace
from folkmoot.tools.files.workspace import split
from folkmoot.tools.files.write import encoded
from folkmoot.tools.threads import Stop, in_thread
from folkmoot.tools.trouble import Trouble

_MOST_PLACES = 100


class Edit(FileTool):
    """Replaces a text that stands exactly once in a file."""

    actions = ("read", "write")

    def describe(self) -> ToolSpec:
        """Return the tool's spec."""
        return spec(
            "files_edit",
            "Replace a passage of a text file of the workspace. `old` must stand in the file "
            "exactly once, character for character; give enough of its surroundings.",
            Effect.RECONCILABLE,
            path={**PATH, "description": "The file, relative to the workspace."},
            old={"type": "string", "minLength": 1, "description": "The text to be replaced."},
            new={"type": "string", "description": "The text that takes its place."},
        )

    def work(self, args: dict[str, Any], context: ToolContext, stop: Stop) -> str:  # noqa: ARG002 - one file is short work
        """Edit, holding the folder: an edit of the same file at the same time waits."""
        path, old, new = paths.normal(args["path"]), args["old"], args["new"]
        if old == new:
            raise Trouble("NO_CHANGE", "`old` and `new` are the same.")
        above, _ = split(path)
        place = workspace(context)
        with place.folder(above, asked=path) as folder, place.locked(folder):
            text = self._text(context, path)
            start = _only(text, old, path)
            whole = text[:start] + new + text[start + len(old) :]
            data = encoded(whole, path, self.options.max_bytes)
            content.replace(place, folder, path, data, context.effect)
        return f"Edited `{path}` at line {text.count(chr(10), 0, start) + 1}."

    async def reconcile(self, args: dict[str, Any], context: ToolContext) -> ToolResult | None:
        """Look which of the two texts the file holds."""
        return await in_thread(lambda _: self._look(args, context), context.timeout_s)

    def _look(self, args: dict[str, Any], context: ToolContext) -> ToolResult | None:
        try:
            path = paths.normal(args["path"])
            text = self._text(context, path)
        except Trouble as trouble:
            raise ToolFault(f"Whether the edit took place cannot be told: {trouble.text}") from None
        done = took_place(text, args["old"], args["new"])
        if done is None:
            raise ToolFault(
                f"Whether the edit took place cannot be told: `{path}` holds neither text, or both may be true."
            )
        return ToolResult(f"Edited `{path}`.") if done else None

    def _text(self, context: ToolContext, path: str) -> str:
        with workspace(context).file(path) as fd:
            return content.text(content.read(fd, path, self.options.max_bytes), path)


def took_place(text: str, old: str, new: str) -> bool | None:
    """Whether a text is what the edit leaves (True) or what it starts from (False); None: neither.

    Where `new` contains `old` (something was put around it), `old` stands in the text before and
    after; then it counts only outside of `new`.
    """
    if old not in text:
        return True if new in text else None
    if old in new and new in text:
        return all(old not in part for part in text.split(new))
    return None if new and _left(text, old, new) else False


def _left(text: str, old: str, new: str) -> bool:
    """Whether the first `old` in a text may be what an edit left: `new`, and what stood beside it."""
    at = text.find(old)
    place = text.find(new, max(at - len(new) + 1, 0))
    for _ in range(_MOST_PLACES):
        if not 0 <= place < at + len(old):
            return False
        after = place + len(new)
        piece = text[max(place - len(old), 0) : place] + old + text[after : after + len(old)]
        if piece.find(old) == piece.rfind(old):  # the edit would have found it there, once
            return True
        place = text.find(new, place + 1)
    return True


def _only(text: str, old: str, path: str) -> int:
    """Return where `old` begins. Raises Trouble unless it stands in the text exactly once."""
    start = text.find(old)
    if start < 0:
        raise Trouble("TEXT_NOT_FOUND", f"`old` is not in `{path}`.{_hint(text, old)}")
    again = text.find(old, start + 1)
    if again >= 0:
        lines = ", ".join(str(text.count("\n", 0, at) + 1) for at in (start, again))
        raise Trouble(
            "NOT_UNIQUE",
            f"`old` stands more than once in `{path}` (first at lines {lines}); give more of its "
            "surroundings.",
        )
    return start


def _hint(text: str, old: str) -> str:
    """Say what comes near, when something does."""
    if "\r\n" in text and "\r" not in old and old in text.replace("\r\n", "\n"):
        return " It would be, but the file's lines end in CR LF: write \\r\\n."
    wanted = old.strip().split("\n", 1)[0].strip()
    for number, line in enumerate(text.split("\n"), 1):
        if wanted and line.strip() == wanted:
            return f" Line {number} begins like it; compare white space and what follows."
    return ""
