"""Launch: runs one command under a supervisor of its own, to its end.

    launch ──order──▶ supervisor ──fork──▶ command ──▶ whatever it starts
           ◀──done───

States: started → ordered → (stopping) → gone. The time-out, a cancel and our own death all lead to
`stopping`; the supervisor says `done` only when nothing is left of the command, and only then
`launch` returns or lets a cancellation through, be it of this call alone or of the whole event
loop. Supervisors that do not answer are killed after `_PATIENCE_S`, which is more than they need
for the worst end they can report.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path

import msgspec

from folkmoot.core.errors import SandboxFault
from folkmoot.ports.sandbox import Command, Done
from folkmoot.sandboxes.link import Link
from folkmoot.sandboxes.pipes import Drain, Feed

SUPERVISOR = Path(__file__).with_name("supervisor.py")
_PATIENCE_S = 20.0
_LATE_OUTPUT_S = 1.0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor is to run. `isolate` is empty, `user` or `net`; limits 0 mean none.

    `wrapped` says that the command is a wrapper which takes everything down when it ends.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = {}
    wrapped: bool = False
    isolate: str = ""
    memory_mb: int = 0
    pids: int = 0
    cpu_seconds: int = 0

    def encode(self) -> bytes:
        """Return the order as the supervisor reads it. Raises SandboxFault."""
        pairs = [f"{name}={value}" for name, value in self.env.items()]
        if any("=" in name or not name for name in self.env):
            raise SandboxFault("The name of an environment variable is empty or holds '='.")
        head = (int(self.wrapped), self.isolate, self.memory_mb, self.pids, self.cpu_seconds)
        fields = [*map(str, head), str(len(self.argv)), str(self.cwd), *self.argv, *pairs]
        if any("\0" in field for field in fields):
            raise SandboxFault("The command or its environment holds a NUL character.")
        try:
            data = b"\0".join(os.fsencode(field) for field in fields)
        except UnicodeEncodeError:
            raise SandboxFault("The command holds half a character (a lone surrogate).") from None
        return b"%010d" % len(data) + data


async def launch(order: Order, command: Command, fds: Sequence[int] = ()) -> Done:
    """Run an order with the streams, time and output limit of `command`; pass on `fds` open.

    Raises SandboxFault when the command could not be set up or its processes not be ended.
    """
    message = order.encode()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - the socket module's own order
    try:
        with theirs:
            process = _start(theirs.fileno(), fds)
    except BaseException:
        ours.close()
        raise
    return await _Running(process, Link(ours, message, process.pid), command).done()


def _start(link: int, fds: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a supervisor: a session of its own (our terminal's Ctrl-C is not for it), bare.

    Not by asyncio: its transports kill the process when they are let go of, and a supervisor that
    is killed cannot take its command along.
    """
    if not sys.platform.startswith("linux"):
        raise SandboxFault("Commands are run on Linux only: ending them needs its process tree.")
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and file
            [sys.executable, "-I", "-S", str(SUPERVISOR), str(link)],
            bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={}, cwd="/", pass_fds=(link, *fds), start_new_session=True,
        )  # fmt: skip
    except OSError as fault:
        raise SandboxFault(f"No process could be started: {fault.strerror}.") from fault


class _Running:
    """One command under way."""

    def __init__(self, process: subprocess.Popen[bytes], link: Link, command: Command) -> None:
        self._process = process
        self._link = link
        self._timeout_s = command.timeout_s
        self._drain = Drain(command.max_output)
        self._stdout = self._drain.add(_raw(process.stdout))
        self._stderr = self._drain.add(_raw(process.stderr))
        self._feed = Feed(_raw(process.stdin), command.stdin)
        self._patience: asyncio.TimerHandle | None = None

    async def done(self) -> Done:
        """Wait for the end; stop it on time-out and cancel, and wait for that."""
        ended = self._link.ended
        try:
            in_time, _ = await asyncio.wait({ended}, timeout=self._timeout_s)
            if not in_time:
                self._stop()
                await asyncio.wait({ended})
            # A pipe that the command handed to a stranger may stay open; we do not wait for it.
            await asyncio.wait({self._drain.ended}, timeout=_LATE_OUTPUT_S)
        finally:
            if not ended.done():
                self._stop()
                await _outlast(ended)
            self._close()
        return self._outcome(timed_out=not in_time)

    def _stop(self) -> None:
        """Ask the supervisor to end everything; insist later."""
        if self._patience is None:
            self._link.stop()
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(_PATIENCE_S, self._process.kill)

    def _close(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._drain.close()
        self._feed.close()
        self._link.close()
        self._process.wait()  # it closed its link by exiting: this does not wait

    def _outcome(self, *, timed_out: bool) -> Done:
        if "done" not in self._link.said:
            raise SandboxFault(self._complaint())
        return Done(
            code=int(self._link.said["done"]),
            stdout=bytes(self._stdout),
            stderr=bytes(self._stderr),
            dropped=self._drain.dropped,
            timed_out=timed_out,
        )

    def _complaint(self) -> str:
        said = self._link.said
        if "fault" in said:
            return f"The command could not be set up: {said['fault']}."
        if "stuck" in said:
            return f"These processes could not be ended: {said['stuck']}."
        _end_group(said.get("pid", ""))
        return "The command's supervisor was killed; processes that left its group may still run."


def _raw(pipe: object) -> FileIO:
    assert isinstance(pipe, FileIO)
    return pipe


def _end_group(pid: str) -> None:
    """Kill the command's process group, all that can still be found without its supervisor."""
    if pid:
        try:
            os.killpg(int(pid), signal.SIGKILL)
        except OSError:
            return


async def _outlast(ended: asyncio.Future[None]) -> None:
    """Wait for the end however often we are cancelled: the command must be gone first."""
    while not ended.done():
        with contextlib.suppress(asyncio.CancelledError):  # put off: the first one is raised
            await asyncio.wait({ended})
