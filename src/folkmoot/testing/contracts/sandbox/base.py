"""What the suites of sandboxes share: fixtures, the shorthand `sh`, marks for processes."""

import asyncio
import contextlib
import os
import secrets
from pathlib import Path

import msgspec
import pytest

from folkmoot.ports.sandbox import Command, Done, Sandbox

PATH = "/usr/local/bin:/usr/bin:/bin"
UP = "echo up > ready; "


class Marker:
    """A `sleep` that can be told from all others by its argument."""

    def __init__(self) -> None:
        self.sleep = f"sleep 86400.{secrets.randbelow(10**9):09d}"

    def alive(self) -> list[str]:
        """Return the processes of this machine that carry the mark (a zombie has no arguments)."""
        return [pid for pid in os.listdir("/proc") if pid.isdigit() and self._is(pid)]  # noqa: PTH208 - names are enough

    async def seen(self) -> None:
        """Wait until there is one: a test must have started what it wants to see ended."""
        while not self.alive():  # noqa: ASYNC110 - another process starts it
            await asyncio.sleep(0)

    def _is(self, pid: str) -> bool:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return self.sleep.encode().split()[1] in words


def command_lines() -> bytes:
    """Return the arguments of all processes of this machine."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it may end while we look
            lines.append(path.read_bytes())
    return b"".join(lines)


async def up(workspace: Path) -> None:
    """Wait until the command has written into the FIFO `ready`."""
    await asyncio.to_thread((workspace / "ready").read_bytes)


def needs(sandbox: Sandbox, capability: str) -> None:
    """Skip the test for a sandbox that does not promise this."""
    if capability not in sandbox.capabilities:
        pytest.skip(f"the sandbox {sandbox.name!r} does not declare {capability!r}")


class SandboxBase:
    """Fixtures and the shorthand `sh`."""

    @pytest.fixture
    def sandbox(self) -> Sandbox:
        """Return the adapter under test."""
        raise NotImplementedError

    @pytest.fixture
    def recipe(self) -> str:
        """Return a line of Python that makes the adapter under the name `sandbox`."""
        raise NotImplementedError

    @pytest.fixture
    def workspace(self, tmp_path: Path) -> Path:
        """Return an empty workspace with a FIFO in it. Its parent is not part of it."""
        place = tmp_path / "ws"
        place.mkdir()
        os.mkfifo(place / "ready")
        return place

    @pytest.fixture
    def marker(self) -> Marker:
        """Return a mark for processes."""
        return Marker()

    @staticmethod
    async def sh(sandbox: Sandbox, workspace: Path, script: str, **limits: object) -> Done:
        """Run a line of shell. The network is open unless a test says otherwise."""
        command = Command(
            argv=("sh", "-c", script), workspace=workspace, env={"PATH": PATH}, network=True
        )
        return await sandbox.run(msgspec.structs.replace(command, **limits))
