"""A member: one process of a fleet, started by its command line.

start ──▶ starting ──ready line──▶ ready ──kill/end──▶ gone ──start──▶ …
                                     │ ▲
                                stop ▼ │ go_on        (SIGSTOP, SIGCONT)
                                   stopped
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

_PATIENCE_S = 60.0


class Role(msgspec.Struct, frozen=True):
    """What a member is: its command line, and whether it serves the API."""

    command: tuple[str, ...]
    api: bool = False


ROLES = {
    "up": Role(("up", "--port", "0"), api=True),
    "api": Role(("api", "--port", "0"), api=True),
    "worker": Role(("worker",)),
    "coordinator": Role(("coordinator",)),
}


class Member:
    """One process."""

    def __init__(
        self, name: str, role: Role, folder: Path, env: Mapping[str, str], launch: Sequence[str]
    ) -> None:
        """`launch` stands before the command line. Nothing is started."""
        self.name = name
        self.role = role
        self.env = dict(env)
        self.starts = 0
        self.killed = False
        self.url = ""
        self._said = folder / f"{name}.out"
        self._log = folder / f"{name}.log"
        self._launch = launch
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id, 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    @property
    def running(self) -> bool:
        """Whether its process is there (stopped or not)."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it wrote on stderr, in all its lives."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def launch(self) -> None:
        """Start the process, and do not wait."""
        assert not self.running, f"{self.name} runs already"
        self.starts += 1
        self.killed = False
        self.url = ""
        command = [*self._launch, *self.role.command, "--json"]
        with self._said.open("wb") as said, self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=log, env=self.env
            )

    async def start(self) -> "Member":
        """Start the process, and wait until it says that it is ready."""
        self.launch()
        await self.ready()
        return self

    async def ready(self) -> dict[str, Any]:
        """Wait until it says that it is ready; return what it said. Raises RuntimeError if it ends."""
        async with asyncio.timeout(_PATIENCE_S):
            while not (said := self._said.read_text()).endswith("\n"):
                if not self.running:
                    raise RuntimeError(f"{self.name} did not start: {self.log[-2000:]}")
                await asyncio.sleep(0.02)
        found: dict[str, Any] = json.loads(said.splitlines()[0])
        self.url = found.get("url") or ""
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """Stop it where it stands (SIGSTOP): its lease runs out while it knows nothing."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on (SIGCONT)."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it (SIGKILL), and wait for its end."""
        if self._process is not None:
            self.killed = True
            self._process.kill()
            self._process.wait()
            self.url = ""

    async def end(self) -> int:
        """Ask it to end (SIGTERM), and wait; return its exit code."""
        assert self._process is not None
        self.signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, _PATIENCE_S)


def folkmoot() -> list[str]:
    """Return how this Python's folkmoot is started."""
    return [
        sys.executable,
        "-c",
        "import sys; from folkmoot.cli.main import main; sys.exit(main())",
    ]


def clean(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment without the caller's own settings."""
    return {name: value for name, value in env.items() if not name.startswith("FOLKMOOT_")}


def end_all(members: Sequence[Member]) -> None:
    """Kill what still runs."""
    for member in members:
        with suppress(ProcessLookupError):
            member.kill()
