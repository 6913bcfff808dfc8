"""A sandbox: where commands run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command line, its working folder (which is writable), its whole environment, its limits.

    `memory_mb`, `pids`, `cpu_seconds` bind each process where the sandbox can do that (its
    capabilities say so). `max_output` is bytes of stdout and stderr together; what comes after is
    counted and thrown away.
    """

    argv: Sequence[str]
    workspace: Path
    env: Mapping[str, str] = {}
    stdin: bytes = b""
    timeout_s: float = 60.0
    max_output: int = 100_000
    network: bool = False
    memory_mb: int = 1024
    pids: int = 128
    cpu_seconds: int = 60


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended. `code` is its exit code, or -signal. `dropped` bytes were cut."""

    code: int
    stdout: bytes
    stderr: bytes
    dropped: int = 0
    timed_out: bool = False


class Sandbox(Protocol):
    """Runs commands apart from us.

    No process of a command outlives `run`, however it ends (exit, time-out, cancel, our own death
    where capability `dies-with-us` is declared). The command sees only the environment it was
    given. `capabilities` may name: `filesystem` (sees only its workspace and the system, read
    only), `network` (can be cut off), `processes` (sees only its own), `memory`, `pids`, `cpu`,
    `dies-with-us`. Raises SandboxFault when it cannot keep what the command demands: fails closed.
    """

    name: str
    capabilities: frozenset[str]

    async def run(self, command: Command) -> Done:
        """Run one command to its end. A time-out is a result, not an error."""
        ...
