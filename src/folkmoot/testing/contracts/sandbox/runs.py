"""What a command sees and gives back."""

import asyncio
import os
import secrets
import signal
from pathlib import Path

import pytest

from folkmoot.core.errors import SandboxFault
from folkmoot.ports.sandbox import Command, Sandbox
from folkmoot.testing.contracts.sandbox.base import PATH, UP, SandboxBase, command_lines, up

_MEGABYTES = 10


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
            self.sh(sandbox, workspace, UP + "read x < ready", env={"PATH": PATH, "KEY": secret})
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
