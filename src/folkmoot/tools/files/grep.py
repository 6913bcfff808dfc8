"""files_grep: lines that fit a regular expression, in linear time whatever the expression."""

import os
from collections.abc import Iterator
from typing import Any

from folkmoot.core.agent import Agent
from folkmoot.core.effects import Effect
from folkmoot.core.errors import Invalid
from folkmoot.ports.tool import ToolContext, ToolSpec
from folkmoot.tools.files import content, paths
from folkmoot.tools.files.base import PATH, FilesOptions, FileTool, spec, workspace
from folkmoot.tools.files.results import Results
from folkmoot.tools.files.walk import Found, Hidden, Walk
from folkmoot.tools.files.wildcard import Wildcard
from folkmoot.tools.files.workspace import Workspace
from folkmoot.tools.regex import Pattern
from folkmoot.tools.threads import Stop
from folkmoot.tools.trouble import Trouble

_SHOWN = 300
_LOOKS = 10_000  # lines between two looks at the clock


class Grep(FileTool):
    """Searches a file, or all files below a folder, line by line."""

    def __init__(self, options: FilesOptions, agent: Agent) -> None:
        super().__init__(options)
        self._hidden = Hidden(agent)

    def describe(self) -> ToolSpec:
        """Return the tool's spec."""
        skipped = ", ".join(self.options.skip)
        return spec(
            "files_grep",
            "Search files of the workspace for lines that fit a regular expression (without "
            "look-around and back-references). Returns path:line: text, sorted; binary and very "
            f"large files and links are passed over. Left out: {skipped or 'nothing'}.",
            Effect.PURE,
            pattern={"type": "string", "minLength": 1, "description": "The expression."},
            path={**PATH, "default": ".", "description": "The file or folder to search."},
            glob={
                "type": "string", "minLength": 1, "maxLength": 1024, "default": "**",
                "description": "Only files whose path below `path` fits, such as **/*.py.",
            },
            ignore_case={"type": "boolean", "default": False},
        )  # fmt: skip

    def work(self, args: dict[str, Any], context: ToolContext, stop: Stop) -> str:
        """Search."""
        path = paths.normal(args.get("path", paths.ROOT))
        try:
            pattern = Pattern(args["pattern"], ignore_case=args.get("ignore_case", False))
            wildcard = Wildcard(args.get("glob", "**"))
        except Invalid as fault:
            raise Trouble("BAD_PATTERN", fault.message) from None
        results = Results(self.options.results, context.max_output)
        search = _Search(pattern, self.options.max_bytes, results, stop)
        place = workspace(context)
        walk = Walk(place, self._hidden, self.options.skip, stop)
        try:
            self._folder(search, walk, place, path, wildcard)
        except Trouble as trouble:
            if trouble.code != "NOT_A_FOLDER":
                raise
            self._file(search, place, path)
        if search.passed:
            results.note(f"passed over, not text or too large: {search.passed:,}")
        walk.cut = walk.cut or search.cut
        for note in walk.notes():
            results.note(note)
        return results.text("Nothing was found.")

    @staticmethod
    def _folder(
        search: "_Search", walk: Walk, place: Workspace, path: str, wildcard: Wildcard
    ) -> None:
        below = "" if path == paths.ROOT else f"{path}/"
        with walk.start(path) as found:
            for entry in found:
                if entry.kind == "file" and wildcard.fits(entry.path.removeprefix(below)):
                    search.entry(place, entry)

    @staticmethod
    def _file(search: "_Search", place: Workspace, path: str) -> None:
        with place.file(path) as fd:
            search.text(content.text(content.read(fd, path, search.most), path), path)


class _Search:
    """A search under way; `passed` counts files that were not searched."""

    def __init__(self, pattern: Pattern, most: int, results: Results, stop: Stop) -> None:
        self._pattern = pattern
        self._results = results
        self._stop = stop
        self.most = most
        self.passed = 0
        self.cut = False

    def entry(self, place: Workspace, entry: Found) -> None:
        """Search one file of a walk; one that cannot be read is counted."""
        try:
            fd = place.open(entry.folder, entry.name, entry.path)
            try:
                text = content.text(content.read(fd, entry.path, self.most), entry.path)
            finally:
                os.close(fd)
        except (Trouble, OSError):
            self.passed += 1
            return
        self.text(text, entry.path)

    def text(self, text: str, path: str) -> None:
        """Search the text of one file."""
        for number, line in self._timed(text.split("\n")):
            if self._pattern.found(line):
                self._results.add(f"{path}:{number}: {_shown(line)}")

    def _timed(self, lines: list[str]) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(lines, 1):
            if number % _LOOKS == 0 and self._stop.over():
                self.cut = True
                return
            yield number, line


def _shown(line: str) -> str:
    line = line.rstrip("\r")
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}… [{len(line):,} characters]"
