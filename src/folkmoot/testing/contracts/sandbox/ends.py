"""Nothing of a command outlives `run`."""

import asyncio
import sys
from pathlib import Path

import pytest

from folkmoot.ports.sandbox import Sandbox
from folkmoot.testing.contracts.sandbox.base import PATH, UP, Marker, SandboxBase, needs, up


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
        script = way.format(sleep=marker.sleep) + f"; {UP} {marker.sleep}"
        run = asyncio.create_task(self.sh(sandbox, workspace, script))
        await up(workspace)
        await marker.seen()
        run.cancel()
        await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert marker.alive() == []

    async def test_nothing_outlives_the_event_loop(
        self, sandbox: Sandbox, workspace: Path, marker: Marker
    ) -> None:
        """Ctrl-C: asyncio.run cancels every task there is, those inside the sandbox too."""

        async def interrupted() -> None:
            script = f"setsid {marker.sleep} & {UP} {marker.sleep}"
            self.left = asyncio.create_task(self.sh(sandbox, workspace, script))
            await up(workspace)
            await marker.seen()

        await asyncio.to_thread(asyncio.run, interrupted())
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
