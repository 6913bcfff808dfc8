"""shell: a command line in the agent's sandbox.

Its effect class is `once`: what a command does nobody can know. `shell:run` is ordinary, because
the sandbox keeps the command inside the workspace. An agent whose file opens the network needs the
grant `shell:network` besides, for every command: none of them can be told from one that uses it.
"""

import os
import shutil
from typing import Any

import msgspec

from folkmoot.core.agent import Agent, SandboxUse
from folkmoot.core.effects import Effect
from folkmoot.core.errors import SandboxFault, ToolFault
from folkmoot.core.grants import Grant
from folkmoot.core.verdict import Need
from folkmoot.ports.sandbox import Command, Done
from folkmoot.ports.tool import Tool, ToolContext, ToolFactory, ToolResult, ToolSpec
from folkmoot.tools import options
from folkmoot.tools.clip import clip

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SPARE_S = 2.0  # for ending the command and telling what it printed, before the call itself ends
_SPARE_PART = 0.2
_BYTES_PER_CHARACTER = 4
_MOST_COMMAND = 100_000
_MOST_SECONDS = 3_600


class ShellOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of `shell`. `env`: names of granted variables that commands see; None means all."""

    env: tuple[str, ...] | None = None


class Shell:
    """Runs `bash -c` (`sh -c` where there is no bash)."""

    def __init__(self, use: SandboxUse, given: ShellOptions) -> None:
        self._use = use
        self._env = given.env
        network = "the network" if use.network else "no network"
        self.spec = ToolSpec(
            name="shell",
            description="Run a command line with bash in a sandbox, in the workspace folder. Every "
            f"call is a new shell; what it leaves running is ended. There is {network}. Returns "
            "what it printed, and its exit code when that is not 0.",
            schema=_SCHEMA,
            effect=Effect.ONCE,
        )

    def needs(self, args: dict[str, Any]) -> tuple[Need, ...]:  # noqa: ARG002 - the port's shape
        """Return `shell:run`, and `shell:network` when there is a network."""
        run = Need(Grant("shell", "run"), ordinary=True)
        return (run, Need(Grant("shell", "network"))) if self._use.network else (run,)

    async def call(self, args: dict[str, Any], context: ToolContext) -> ToolResult:
        """Run the command. Raises SandboxFault when there is no sandbox to run it in."""
        if context.sandbox is None:
            raise SandboxFault(
                "There is no sandbox to run commands in.",
                kept="The command was not run.",
                todo="`folkmoot doctor` says what is missing.",
            )
        context.workspace.mkdir(parents=True, exist_ok=True)
        command = self._command(args, context)
        return _told(await context.sandbox.run(command), command.timeout_s, context.max_output)

    async def reconcile(self, args: dict[str, Any], context: ToolContext) -> ToolResult | None:  # noqa: ARG002 - the port's shape
        """Nobody can know what a command did."""
        raise ToolFault("Whether a command took effect cannot be told.")

    def _command(self, args: dict[str, Any], context: ToolContext) -> Command:
        spare = min(_SPARE_S, context.timeout_s * _SPARE_PART)
        room = context.timeout_s - spare
        shell = shutil.which("bash", path=_PATH) or "/bin/sh"
        quiet = ("--noprofile", "--norc") if shell.endswith("bash") else ()
        return Command(
            argv=(shell, *quiet, "-c", args["command"]),
            workspace=context.workspace,
            env=self._environment(context),
            stdin=args.get("stdin", "").encode(errors="replace"),
            timeout_s=min(args.get("timeout_s", room), room),
            max_output=context.max_output * _BYTES_PER_CHARACTER,
            network=self._use.network,
            memory_mb=self._use.memory_mb,
            pids=self._use.pids,
            cpu_seconds=self._use.cpu_seconds,
        )

    def _environment(self, context: ToolContext) -> dict[str, str]:
        """Return a bare environment, and what the agent was granted of ours."""
        granted = {
            name: value
            for name, value in context.env.items()
            if self._env is None or name in self._env
        }
        home = os.path.realpath(context.workspace)
        return {"PATH": _PATH, "HOME": home, "LANG": "C.UTF-8", "TERM": "dumb", **granted}


def _told(done: Done, timeout_s: float, limit: int) -> ToolResult:
    """Return what the model reads: both outputs, what was cut, how it ended."""
    out, err = (_text(part) for part in (done.stdout, done.stderr))
    parts = [part for part in (out, f"[stderr]\n{err}" if err else "") if part]
    if done.dropped:
        parts.append(f"[{done.dropped:,} bytes of output were left out]")
    ending, error = _ending(done, timeout_s)
    body = clip("\n".join(parts), max(limit - len(ending) - 100, 0))
    text = "\n".join(part for part in (body, ending) if part)
    return ToolResult(text or "[no output]", error)


def _ending(done: Done, timeout_s: float) -> tuple[str, str]:
    if done.timed_out:
        return f"[not finished within {timeout_s:g} s: ended, with all it started]", "TIMED_OUT"
    if done.code < 0:
        return f"[ended by signal {-done.code}]", f"SIGNAL_{-done.code}"
    return (f"[exit code {done.code}]", f"EXIT_{done.code}") if done.code else ("", "")


def _text(data: bytes) -> str:
    return data.decode(errors="replace").removesuffix("\n")


def _factory(agent: Agent, given: dict[str, Any]) -> tuple[Tool, ...]:
    return (Shell(agent.sandbox, options.read("shell", given, ShellOptions)),)


_SCHEMA = {
    "type": "object",
    "properties": {
        "command": {"type": "string", "minLength": 1, "maxLength": _MOST_COMMAND},
        "stdin": {
            "type": "string",
            "default": "",
            "description": "What the command reads from its standard input.",
        },
        "timeout_s": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": _MOST_SECONDS,
            "description": "Seconds after which it is ended, if earlier than the agent's limit.",
        },
    },
    "required": ["command"],
    "additionalProperties": False,
}
ACTIONS = {"shell": ("run", "network")}
FACTORIES: dict[str, ToolFactory] = {"shell": _factory}
