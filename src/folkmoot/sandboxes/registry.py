"""Which sandbox an agent gets: what its file asks for, never silently something weaker."""

from collections.abc import Callable

from folkmoot.core.agent import SandboxUse
from folkmoot.core.errors import Invalid, SandboxFault
from folkmoot.ports.sandbox import Command, Done, Sandbox
from folkmoot.sandboxes import bubblewrap
from folkmoot.sandboxes.bubblewrap import BubblewrapSandbox, Probe
from folkmoot.sandboxes.process import ProcessSandbox

KINDS = ("bubblewrap", "process")


def choose(use: SandboxUse, look: Callable[[], Probe] = bubblewrap.probe) -> Sandbox:
    """Return the sandbox for an agent.

    `bubblewrap` where it works; else a plain process, if the agent file allows that with
    `plain_process: true`. Raises SandboxFault that says what to install or to set, and Invalid for
    a kind that there is not.
    """
    if use.kind not in KINDS:
        raise Invalid(f"There is no sandbox {use.kind!r}.", todo=f"Use one of: {', '.join(KINDS)}.")
    if use.kind == "bubblewrap":
        found = look()
        if found.works:
            return BubblewrapSandbox(found)
        missing = found.fault
    else:
        missing = "the agent file asks for a plain process"
    if use.plain_process:
        return ProcessSandbox()
    raise SandboxFault(
        f"There is no sandbox to run commands in: {missing}.",
        kept="No command was run.",
        todo="Install it (`apt-get install bubblewrap`), or set `sandbox.plain_process: true` in "
        "the agent file to run commands without confinement.",
    )


class Absent:
    """Stands where no sandbox could be had, and says why to whoever wants to run a command."""

    name = "none"
    capabilities: frozenset[str] = frozenset()

    def __init__(self, fault: SandboxFault) -> None:
        self._fault = fault

    async def run(self, command: Command) -> Done:  # noqa: ARG002 - the port's shape
        """Raise SandboxFault."""
        fault = self._fault
        raise SandboxFault(fault.message, kept=fault.kept, todo=fault.todo)


def choose_or_explain(use: SandboxUse, look: Callable[[], Probe] = bubblewrap.probe) -> Sandbox:
    """Return the sandbox for an agent, or one that refuses every command with the reason.

    For starting agents that may never run a command: the fault is met by the tool that needs it.
    """
    try:
        return choose(use, look)
    except SandboxFault as fault:
        return Absent(fault)
