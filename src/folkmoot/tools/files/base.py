"""What the files tools have in common: options, needs, the thread, and troubles as results."""

from typing import Any

import msgspec

from folkmoot.core.effects import Effect
from folkmoot.core.errors import ToolFault
from folkmoot.core.verdict import Need
from folkmoot.ports.tool import ToolContext, ToolResult, ToolSpec
from folkmoot.tools.files import faults, paths
from folkmoot.tools.files.wildcard import Names
from folkmoot.tools.files.workspace import Workspace
from folkmoot.tools.threads import Stop, in_thread
from folkmoot.tools.trouble import Trouble

SKIPPED = (
    ".git", ".hg", ".svn", "node_modules", ".venv*", "venv", "__pycache__", "*.pyc", ".*_cache",
    ".hypothesis", ".tox", ".folkmoot",
)  # fmt: skip
PATH = {"type": "string", "minLength": 1, "maxLength": 4096}


class FilesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of `files` and of each of its tools.

    `max_bytes`: the largest file that is read or written. `results`: how many names or lines a
    search gives. `skip`: names of folders and files (with wildcards) that searches leave out.
    """

    max_bytes: int = msgspec.field(default=10_000_000)
    results: int = msgspec.field(default=1_000)
    skip: tuple[str, ...] = SKIPPED

    def __post_init__(self) -> None:
        """Hold them to what makes sense."""
        Names(self.skip)
        if self.max_bytes < 1 or self.results < 1:
            raise ValueError("`max_bytes` and `results` must be at least 1")


class FileTool:
    """One files tool. `actions` are the permissions that its path needs."""

    actions: tuple[str, ...] = ("read",)

    def __init__(self, options: FilesOptions) -> None:
        self.options = options
        self.spec = self.describe()

    def describe(self) -> ToolSpec:
        """Return the tool's spec."""
        raise NotImplementedError

    def work(self, args: dict[str, Any], context: ToolContext, stop: Stop) -> str:
        """Do it, in a thread. Raises Trouble."""
        raise NotImplementedError

    def needs(self, args: dict[str, Any]) -> tuple[Need, ...]:
        """Return the permission for the path, normalised."""
        path = args.get("path", paths.ROOT)
        return tuple(paths.need(action, path) for action in self.actions)

    async def call(self, args: dict[str, Any], context: ToolContext) -> ToolResult:
        """Do it; a trouble is a result, and so is whatever the system refuses."""
        try:
            text = await in_thread(lambda stop: self.work(args, context, stop), context.timeout_s)
        except Trouble as trouble:
            return trouble.result()
        except OSError as fault:
            return faults.of(fault, args.get("path", paths.ROOT)).result()
        return ToolResult(text)

    async def reconcile(self, args: dict[str, Any], context: ToolContext) -> ToolResult | None:  # noqa: ARG002 - the port's shape
        """Only `files_edit` can be asked."""
        raise ToolFault(f"The tool {self.spec.name!r} cannot tell whether it took effect.")


def workspace(context: ToolContext) -> Workspace:
    """Return the workspace of a call."""
    return Workspace(context.workspace)


def spec(name: str, description: str, effect: Effect, **arguments: dict[str, Any]) -> ToolSpec:
    """Return a spec; an argument without a `default` is required."""
    schema = {
        "type": "object",
        "properties": arguments,
        "required": [key for key, shape in arguments.items() if "default" not in shape],
        "additionalProperties": False,
    }
    return ToolSpec(name=name, description=description, schema=schema, effect=effect)
