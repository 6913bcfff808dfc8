"""The plain process: limits, a bare environment, a sure end, and no wall around the files.

For machines where nothing better can be had, and only after the agent file says so. The command
reads and writes what we can read and write; the network can be cut off where the kernel lets an
ordinary process have a user namespace (`network`), and only then are pids counted (`pids`; never
for root, whom the kernel does not count).
"""

import functools
import os
import subprocess
import sys

from folkmoot.core.errors import SandboxFault
from folkmoot.ports.sandbox import Command, Done
from folkmoot.sandboxes.launch import SUPERVISOR, Order, launch
from folkmoot.sandboxes.workspace import real

_PROBE_S = 5.0


@functools.cache
def isolates() -> str:
    """Return why this machine gives no namespaces to a plain process; empty when it does."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and file
            [sys.executable, "-I", "-S", str(SUPERVISOR), "probe"],
            env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as fault:
        return str(fault)
    return "" if done.returncode == 0 else done.stderr.decode(errors="replace").strip() or "unknown"


class ProcessSandbox:
    """Runs commands as plain processes. `isolated` says whether the kernel gives namespaces."""

    name = "process"

    def __init__(self, *, isolated: bool | None = None) -> None:
        self._isolated = not isolates() if isolated is None else isolated
        self._root = os.geteuid() == 0
        names = {"memory", "cpu", "dies-with-us"}
        if self._isolated:
            names |= {"network"} if self._root else {"network", "pids"}
        self.capabilities = frozenset(names)

    async def run(self, command: Command) -> Done:
        """Run one command. Raises SandboxFault when it must not have the network but would."""
        if not command.network and not self._isolated:
            raise SandboxFault(
                f"A plain process cannot be cut off from the network here ({isolates()}).",
                kept="The command was not started.",
                todo="Install bubblewrap, or set `sandbox.network: true` in the agent file and "
                "grant `shell:network`.",
            )
        order = Order(
            argv=command.argv,
            cwd=real(command.workspace),
            env=command.env,
            isolate=self._isolation(command),
            memory_mb=command.memory_mb,
            pids=command.pids if "pids" in self.capabilities else 0,
            cpu_seconds=command.cpu_seconds,
        )
        return await launch(order, command)

    def _isolation(self, command: Command) -> str:
        if not command.network:
            return "net"
        return "user" if "pids" in self.capabilities else ""
