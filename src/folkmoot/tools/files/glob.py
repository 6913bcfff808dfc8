"""files_glob: names of files and folders that fit a wildcard."""

from typing import Any

from folkmoot.core.agent import Agent
from folkmoot.core.effects import Effect
from folkmoot.core.errors import Invalid
from folkmoot.ports.tool import ToolContext, ToolSpec
from folkmoot.tools.files import paths
from folkmoot.tools.files.base import PATH, FilesOptions, FileTool, spec, workspace
from folkmoot.tools.files.results import Results
from folkmoot.tools.files.walk import Hidden, Walk
from folkmoot.tools.files.wildcard import Wildcard
from folkmoot.tools.threads import Stop
from folkmoot.tools.trouble import Trouble


class Glob(FileTool):
    """Lists paths below the workspace, sorted, folders with a `/` at the end."""

    def __init__(self, options: FilesOptions, agent: Agent) -> None:
        super().__init__(options)
        self._hidden = Hidden(agent)

    def describe(self) -> ToolSpec:
        """Return the tool's spec."""
        skipped = ", ".join(self.options.skip)
        return spec(
            "files_glob",
            "List files and folders of the workspace that fit a wildcard: * ? [a-z] {a,b} within "
            "a name, ** for any number of folders. Paths come sorted, folders with a / at the end; "
            f"links are not followed. Left out: {skipped or 'nothing'}.",
            Effect.PURE,
            pattern={
                "type": "string", "minLength": 1, "maxLength": 1024,
                "description": "Such as *, src/**/*.py or docs/*.{md,txt}.",
            },
            path={**PATH, "default": ".", "description": "The folder to look in."},
        )  # fmt: skip

    def work(self, args: dict[str, Any], context: ToolContext, stop: Stop) -> str:
        """List."""
        top = paths.normal(args.get("path", paths.ROOT))
        try:
            wildcard = Wildcard(args["pattern"])
        except Invalid as fault:
            raise Trouble("BAD_PATTERN", fault.message) from None
        walk = Walk(workspace(context), self._hidden, self.options.skip, stop)
        results = Results(self.options.results, context.max_output)
        self._collect(walk, wildcard, top, results)
        for note in walk.notes():
            results.note(note)
        return results.text("Nothing fits.")

    @staticmethod
    def _collect(walk: Walk, wildcard: Wildcard, top: str, results: Results) -> None:
        below = "" if top == paths.ROOT else f"{top}/"
        start = paths.normal(below + wildcard.base) if wildcard.base else top
        names = wildcard.base.count("/") + 1 if wildcard.base else 0
        depth = None if wildcard.depth is None else wildcard.depth - names
        with walk.start(start, depth=depth) as found:
            for entry in found:
                if wildcard.fits(entry.path.removeprefix(below)):
                    results.add(entry.path + ("/" if entry.kind == "folder" else ""))
