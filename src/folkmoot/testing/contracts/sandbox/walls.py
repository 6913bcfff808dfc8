"""What a sandbox promises by its capabilities."""

import os
import socket
from pathlib import Path

import pytest

from folkmoot.core.errors import SandboxFault
from folkmoot.ports.sandbox import Sandbox
from folkmoot.testing.contracts.sandbox.base import SandboxBase, needs


class SandboxWalls(SandboxBase):
    """What a sandbox promises by its capabilities."""

    # Ways to read the file `secret` that lies beside the workspace, in {outside}.
    READS = (
        "cat {outside}/secret",
        "cat ../secret",
        "ln -s {outside}/secret link && cat link",
        "ln -s .. up && cat up/secret",
        "ln {outside}/secret hard && cat hard",
        "cat /proc/1/root{outside}/secret",
        "cat /proc/self/cwd/../secret",
        "for p in /proc/[0-9]*; do cat $p/cwd/../secret $p/root{outside}/secret; done",
        "cd / && cat .{outside}/secret",
    )
    WRITES = (
        "echo bad > {outside}/secret",
        "ln -s {outside}/secret link && echo bad > link",
        "rm -f {outside}/secret",
        "mv ../secret .",
        "touch {outside}/new",
        "cp /bin/true /usr/bin/folkmoot-was-here",
        "echo bad > /etc/folkmoot-was-here",
        "echo bad > /folkmoot-was-here",
    )

    @pytest.fixture
    def outside(self, workspace: Path) -> Path:
        """Return the folder around the workspace, with a secret in it."""
        (workspace.parent / "secret").write_text("hunter2")
        return workspace.parent

    @pytest.mark.parametrize("way", READS)
    async def test_files_outside_cannot_be_read(
        self, sandbox: Sandbox, workspace: Path, outside: Path, way: str
    ) -> None:
        """Neither by path nor by link nor through /proc."""
        needs(sandbox, "filesystem")
        done = await self.sh(sandbox, workspace, way.format(outside=outside))
        assert b"hunter2" not in done.stdout + done.stderr

    @pytest.mark.parametrize("way", WRITES)
    async def test_files_outside_cannot_be_written(
        self, sandbox: Sandbox, workspace: Path, outside: Path, way: str
    ) -> None:
        """Nor made, nor removed; the system's least of all."""
        needs(sandbox, "filesystem")
        await self.sh(sandbox, workspace, way.format(outside=outside))
        assert (outside / "secret").read_text() == "hunter2"
        assert not (outside / "new").exists()
        assert not any(
            (Path(folder) / "folkmoot-was-here").exists() for folder in ("/", "/etc", "/usr/bin")
        )

    async def test_the_system_itself_is_no_workspace(self, sandbox: Sandbox) -> None:
        """It would become writable."""
        needs(sandbox, "filesystem")
        with pytest.raises(SandboxFault):
            await self.sh(sandbox, Path("/"), "true")

    @pytest.mark.parametrize("network", [False, True])
    async def test_the_network_is_there_only_when_granted(
        self, sandbox: Sandbox, workspace: Path, network: bool
    ) -> None:
        """A server of this machine, on loopback, is reached or not."""
        needs(sandbox, "network")
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            script = f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' && echo reached"
            done = await self.sh(sandbox, workspace, script, network=network)
        assert (done.stdout == b"reached\n") is network

    async def test_the_network_is_not_left_open_silently(
        self, sandbox: Sandbox, workspace: Path
    ) -> None:
        """A sandbox that cannot cut it off refuses a command that must not have it."""
        if "network" in sandbox.capabilities:
            pytest.skip("this sandbox can cut it off")
        with pytest.raises(SandboxFault):
            await self.sh(sandbox, workspace, "true", network=False)

    async def test_other_processes_are_not_seen(self, sandbox: Sandbox, workspace: Path) -> None:
        """Nor reached by a signal."""
        needs(sandbox, "processes")
        script = f"kill -0 {os.getpid()}; echo $?; ls -d /proc/[0-9]* | wc -l"
        killed, seen = (await self.sh(sandbox, workspace, script)).stdout.split()
        assert killed != b"0"
        assert int(seen) < 10  # noqa: PLR2004 - its own handful

    async def test_memory_is_limited(self, sandbox: Sandbox, workspace: Path) -> None:
        """`tail` keeps what it is asked for; with enough memory it can."""
        needs(sandbox, "memory")
        script = "head -c 200000000 /dev/zero | tail -c 200000000 | wc -c"
        poor = await self.sh(sandbox, workspace, script, memory_mb=64)
        rich = await self.sh(sandbox, workspace, script, memory_mb=1024)
        assert rich.stdout == b"200000000\n"
        assert poor.stdout != rich.stdout

    async def test_cpu_time_is_limited(self, sandbox: Sandbox, workspace: Path) -> None:
        """A loop without end ends, long before its time is out."""
        needs(sandbox, "cpu")
        done = await self.sh(sandbox, workspace, "while :; do :; done", cpu_seconds=1)
        assert done.code < 0
        assert not done.timed_out

    async def test_the_number_of_processes_is_limited(
        self, sandbox: Sandbox, workspace: Path
    ) -> None:
        """The shell gets so far and no further."""
        needs(sandbox, "pids")
        script = "for n in 1 2 3 4 5 6 7 8 9; do sleep 9 & echo $n; done"
        few = await self.sh(sandbox, workspace, script, pids=6)
        many = await self.sh(sandbox, workspace, script, pids=100)
        assert len(many.stdout.split()) == 9  # noqa: PLR2004 - all of them
        assert len(few.stdout.split()) < 9  # noqa: PLR2004 - not all
