"""What every sandbox owes (ports/sandbox.py).

Subclass `SandboxContract` and give the fixtures `sandbox` and `recipe` (a line of Python that makes
the same sandbox under the name `sandbox`, for a process of its own). Starts real processes. What a
sandbox does not declare among its capabilities is skipped, and the skip says so.

A command says that it is up by writing into a FIFO of its workspace, so nothing here sleeps.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
from pathlib import Path

import msgspec
import pytest

from folkmoot.core.errors import SandboxFault
from folkmoot.ports.sandbox import Command, Done, Sandbox

PATH = "/usr/local/bin:/usr/bin:/bin"
_MEGABYTES = 10
_UP = "echo up > ready; "


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


class SandboxRuns(SandboxBase):
    """What a command sees and gives back."""

    async def test_its_environment_is_exactly_what_was_given(
        self, sandbox: Sandbox, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Our own variables, secrets among them, never reach a command."""
        monkeypatch.setenv("FOLKMOOT_TEST_SECRET", "hunter2")
        given = {"GREETING": "good day = yes", "EMPTY": "", "LINES": "one\ntwo"}
        done = await sandbox.run(
            Command(argv=("/usr/bin/env", "-0"), workspace=workspace, env=given, network=True)
        )
        shown = dict(pair.split("=", 1) for pair in done.stdout.decode().split("\0") if pair)
        assert shown == given

    async def test_its_environment_is_in_no_command_line(
        self, sandbox: Sandbox, workspace: Path
    ) -> None:
        """Every user of a machine may read every process's arguments."""
        secret = secrets.token_hex(16)
        run = asyncio.create_task(
            self.sh(sandbox, workspace, _UP + "read x < ready", env={"PATH": PATH, "KEY": secret})
        )
        await up(workspace)
        lines = await asyncio.to_thread(command_lines)
        await asyncio.to_thread((workspace / "ready").write_bytes, b"go\n")
        assert (await run).code == 0
        assert b"read x < ready" in lines, "the command was not seen at all"
        assert secret.encode() not in lines

    async def test_it_starts_in_its_workspace_by_its_real_path(
        self, sandbox: Sandbox, workspace: Path, tmp_path: Path
    ) -> None:
        """A workspace given by a link is the folder that the link means."""
        link = tmp_path / "link"
        link.symlink_to(workspace)
        real = str(workspace.resolve())  # noqa: ASYNC240 - of a test's own folder
        done = await sandbox.run(Command(argv=("/bin/pwd", "-P"), workspace=link, network=True))
        assert done.stdout.decode().strip() == real

    async def test_it_writes_into_its_workspace(self, sandbox: Sandbox, workspace: Path) -> None:
        """What it writes there is there afterwards."""
        assert (await self.sh(sandbox, workspace, "mkdir -p a && echo text > a/b")).code == 0
        assert (workspace / "a" / "b").read_text() == "text\n"

    async def test_stdin_and_both_outputs_arrive_apart(
        self, sandbox: Sandbox, workspace: Path
    ) -> None:
        """Bytes go in and out as they are."""
        done = await self.sh(
            sandbox, workspace, "cat; printf 'no\\377' >&2", stdin=b"in\0out\xff\n"
        )
        assert (done.stdout, done.stderr) == (b"in\0out\xff\n", b"no\xff")

    async def test_it_gets_an_empty_stdin_and_no_other_open_file(
        self, sandbox: Sandbox, workspace: Path
    ) -> None:
        """A command that reads does not wait for ever, and inherits none of our files."""
        done = await self.sh(sandbox, workspace, "cat; ls /proc/self/fd | tr '\\n' ' '")
        assert done.stdout.split() == [b"0", b"1", b"2", b"3"]  # 3 is the listing's own

    @pytest.mark.parametrize("code", [0, 1, 7, 125, 200])
    async def test_exit_codes_come_back(self, sandbox: Sandbox, workspace: Path, code: int) -> None:
        """As they are."""
        assert (await self.sh(sandbox, workspace, f"exit {code}")).code == code

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
    async def test_a_signal_comes_back_as_its_negative(
        self, sandbox: Sandbox, workspace: Path, number: int
    ) -> None:
        """The shell kills itself."""
        assert (await self.sh(sandbox, workspace, f"kill -{int(number)} $$")).code == -number

    async def test_signals_have_their_usual_meaning(
        self, sandbox: Sandbox, workspace: Path
    ) -> None:
        """A writer whose reader is gone ends quietly, as in a terminal: SIGPIPE is not ignored."""
        done = await self.sh(sandbox, workspace, "yes | head -n 1")
        assert (done.stdout, done.stderr) == (b"y\n", b"")

    async def test_a_program_that_is_not_there_is_a_result(
        self, sandbox: Sandbox, workspace: Path
    ) -> None:
        """127, as every shell says it, with the name."""
        done = await sandbox.run(
            Command(argv=("no-such-program",), workspace=workspace, network=True)
        )
        assert done.code == 127  # noqa: PLR2004 - the shells' own number
        assert b"no-such-program" in done.stderr

    async def test_a_workspace_that_is_not_there_is_a_fault(
        self, sandbox: Sandbox, workspace: Path
    ) -> None:
        """Nothing is run somewhere else instead."""
        with pytest.raises(SandboxFault):
            await self.sh(sandbox, workspace / "missing", "true")

    async def test_what_cannot_be_passed_on_is_a_fault(
        self, sandbox: Sandbox, workspace: Path
    ) -> None:
        """A NUL would end the word early and change what is run."""
        with pytest.raises(SandboxFault):
            await self.sh(sandbox, workspace, "echo a\0b")

    async def test_output_over_the_cap_is_drained_and_counted(
        self, sandbox: Sandbox, workspace: Path
    ) -> None:
        """Ten megabytes on both streams at once, and no deadlock."""
        size = _MEGABYTES << 20
        script = f"head -c {size} /dev/zero & head -c {size} /dev/zero >&2; wait; echo end"
        done = await self.sh(sandbox, workspace, script, max_output=1000)
        assert done.code == 0
        assert len(done.stdout) + len(done.stderr) == 1000  # noqa: PLR2004 - the cap above
        assert done.dropped == 2 * size + 4 - 1000

    async def test_a_large_stdin_that_nobody_reads_is_no_trouble(
        self, sandbox: Sandbox, workspace: Path
    ) -> None:
        """Nor is one that comes back whole."""
        data = os.urandom(_MEGABYTES << 20)
        assert (await self.sh(sandbox, workspace, "exit 3", stdin=data)).code == 3  # noqa: PLR2004 - as written
        echoed = await self.sh(sandbox, workspace, "cat", stdin=data, max_output=len(data))
        assert echoed.stdout == data

    async def test_many_run_side_by_side(self, sandbox: Sandbox, workspace: Path) -> None:
        """Each gets its own answer."""
        runs = [self.sh(sandbox, workspace, f"echo {n}; exit {n}") for n in range(24)]
        for n, done in enumerate(await asyncio.gather(*runs)):
            assert (done.code, done.stdout) == (n, f"{n}\n".encode())


class SandboxEnds(SandboxBase):
    """Nothing of a command outlives `run`, however it ends."""

    # Each leaves a marked process behind in its own way.
    LEFTOVERS = (
        "{sleep} & true",
        "nohup {sleep} >/dev/null 2>&1 </dev/null & true",
        "setsid {sleep} & true",
        "(setsid sh -c '(setsid {sleep} &) & exit' >/dev/null 2>&1 &) ; true",
        "(trap '' TERM; setsid sh -c 'trap \"\" TERM HUP INT; {sleep}; {sleep}' &) ; true",
    )

    @pytest.mark.parametrize("way", LEFTOVERS)
    async def test_nothing_outlives_its_exit(
        self, sandbox: Sandbox, workspace: Path, marker: Marker, way: str
    ) -> None:
        """Children in the background, in other sessions, orphaned twice, deaf to SIGTERM."""
        done = await self.sh(sandbox, workspace, way.format(sleep=marker.sleep))
        assert done.code == 0
        assert not done.timed_out
        assert marker.alive() == []

    @pytest.mark.parametrize("way", LEFTOVERS)
    async def test_nothing_outlives_its_time(
        self, sandbox: Sandbox, workspace: Path, marker: Marker, way: str
    ) -> None:
        """A time-out is a result that carries what had been printed."""
        script = f"echo before; {way.format(sleep=marker.sleep)}; {marker.sleep}; echo after"
        done = await self.sh(sandbox, workspace, script, timeout_s=0.3)
        assert done.timed_out
        assert done.stdout == b"before\n"
        assert marker.alive() == []

    @pytest.mark.parametrize("way", LEFTOVERS)
    async def test_nothing_outlives_a_cancel(
        self, sandbox: Sandbox, workspace: Path, marker: Marker, way: str
    ) -> None:
        """When the cancelled call returns, it is over, however often it was cancelled."""
        script = way.format(sleep=marker.sleep) + f"; {_UP} {marker.sleep}"
        run = asyncio.create_task(self.sh(sandbox, workspace, script))
        await up(workspace)
        await marker.seen()
        run.cancel()
        await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert marker.alive() == []

    async def test_a_cancel_before_it_began_leaves_nothing(
        self, sandbox: Sandbox, workspace: Path, marker: Marker
    ) -> None:
        """At any of the first turns of the loop."""
        for turns in range(6):
            run = asyncio.create_task(self.sh(sandbox, workspace, marker.sleep))
            for _ in range(turns):
                await asyncio.sleep(0)
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
        assert marker.alive() == []

    async def test_a_polite_command_may_clean_up(self, sandbox: Sandbox, workspace: Path) -> None:
        """SIGTERM comes before SIGKILL."""
        script = "trap 'echo bye; exit 4' TERM; echo up > ready; sleep 86400 & wait"
        run = asyncio.create_task(self.sh(sandbox, workspace, script, timeout_s=1.0))
        await up(workspace)
        done = await run
        assert (done.timed_out, done.code, done.stdout) == (True, 4, b"bye\n")

    async def test_many_that_run_out_of_time_leave_nothing(
        self, sandbox: Sandbox, workspace: Path, marker: Marker
    ) -> None:
        """The ends do not get into each other's way."""
        script = f"setsid {marker.sleep} & {marker.sleep}"
        runs = [self.sh(sandbox, workspace, script, timeout_s=0.5) for _ in range(12)]
        assert all(done.timed_out for done in await asyncio.gather(*runs))
        assert marker.alive() == []

    async def test_it_does_not_outlive_us(
        self, sandbox: Sandbox, recipe: str, workspace: Path
    ) -> None:
        """We are killed with SIGKILL; the FIFO that the command holds open comes to its end."""
        needs(sandbox, "dies-with-us")
        script = "exec 9> ready; echo up >&9; (setsid sleep 86400 &) ; sleep 86400"
        program = (
            "import asyncio; from pathlib import Path; from folkmoot.ports.sandbox import Command\n"
            f"{recipe}\n"
            f"command = Command(argv=('sh', '-c', {script!r}), workspace=Path({str(workspace)!r}), "
            f"env={{'PATH': {PATH!r}}}, network=True)\n"
            "asyncio.run(sandbox.run(command))"
        )
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
        with await asyncio.to_thread((workspace / "ready").open, "rb", 0) as ready:
            assert await asyncio.to_thread(ready.readline) == b"up\n"
            process.kill()
            await process.wait()
            assert await asyncio.to_thread(ready.read) == b""


class SandboxConfines(SandboxBase):
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


class SandboxContract(SandboxRuns, SandboxEnds, SandboxConfines):
    """All of it."""
