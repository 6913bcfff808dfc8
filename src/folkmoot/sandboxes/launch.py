"""Launch: runs one command under a supervisor of its own, to its end.

    launch ──order──▶ supervisor ──fork──▶ command ──▶ whatever it starts
           ◀──done───

States: started → ordered → (stopping) → gone. The time-out, a cancel and our own death all lead to
`stopping`; the supervisor says `done` only when nothing is left of the command, and only then
`launch` returns or lets a cancellation through. Supervisors that do not answer are killed after
`_PATIENCE_S`, which is more than they need for the worst end they can report.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from folkmoot.core.errors import SandboxFault
from folkmoot.ports.sandbox import Command, Done
from folkmoot.sandboxes.drain import Drain

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
    try:
        ours.setblocking(False)  # noqa: FBT003 - the socket module's own order
        with theirs:
            process = await _start(theirs.fileno(), fds)
        running = _Running(process, ours, command)
        return await running.done(message)
    finally:
        ours.close()


async def _start(link: int, fds: Sequence[int]) -> asyncio.subprocess.Process:
    """Start a supervisor: a session of its own (our terminal's Ctrl-C is not for it), bare."""
    if not sys.platform.startswith("linux"):
        raise SandboxFault("Commands are run on Linux only: ending them needs its process tree.")
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(SUPERVISOR), str(link),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={}, cwd="/", pass_fds=(link, *fds), start_new_session=True,
        )  # fmt: skip
    except OSError as fault:
        raise SandboxFault(f"No process could be started: {fault.strerror}.") from fault


class _Running:
    """One command under way."""

    def __init__(
        self, process: asyncio.subprocess.Process, link: socket.socket, command: Command
    ) -> None:
        self._process = process
        self._link = link
        self._command = command
        self._drain = Drain(command.max_output)
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._said: dict[str, str] = {}
        self._patience: asyncio.TimerHandle | None = None

    async def done(self, message: bytes) -> Done:
        """Give the order, wait for its end; stop it on time-out and cancel, and wait for that."""
        work = asyncio.create_task(self._work(message))
        try:
            ended, _ = await asyncio.wait({work}, timeout=self._command.timeout_s)
            if not ended:
                self._stop()
                await asyncio.wait({work})
        except asyncio.CancelledError:
            self._stop()
            await _outlast(work)
            raise
        work.result()
        return self._outcome(timed_out=not ended)

    async def _work(self, message: bytes) -> None:
        streams = [
            asyncio.create_task(part) for part in (self._read(1), self._read(2), self._feed())
        ]
        try:
            await self._converse(message)
            # A pipe that the command handed to a stranger may stay open; we do not wait for it.
            await asyncio.wait(streams, timeout=_LATE_OUTPUT_S)
            await self._process.wait()
        finally:
            for stream in streams:
                stream.cancel()
            await asyncio.wait(streams)
            if self._patience is not None:
                self._patience.cancel()
            self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio offers no other way to let go of open pipes
        for stream in streams:
            if not stream.cancelled():
                stream.result()

    async def _read(self, fd: int) -> None:
        stream = self._process.stdout if fd == 1 else self._process.stderr
        assert stream is not None
        await self._drain.read(stream, self._stdout if fd == 1 else self._stderr)

    async def _feed(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(self._command.stdin)
            await pipe.drain()
            pipe.close()
            await pipe.wait_closed()
        except (BrokenPipeError, ConnectionResetError):
            return  # the command did not want to read it all

    async def _converse(self, message: bytes) -> None:
        """Send the order and listen until the supervisor closes its end."""
        loop = asyncio.get_running_loop()
        heard = bytearray()
        try:
            await loop.sock_sendall(self._link, message)
            while data := await loop.sock_recv(self._link, 4096):
                heard += data
        except (BrokenPipeError, ConnectionResetError):
            pass  # it is gone; what it said, and what it did not, decides in _outcome
        for line in heard.decode(errors="replace").splitlines():
            word, _, rest = line.partition(" ")
            self._said[word] = rest

    def _stop(self) -> None:
        """Ask the supervisor to end everything; insist later."""
        with contextlib.suppress(OSError):  # it may have ended by itself
            self._link.send(b"s")
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(_PATIENCE_S, self._insist)

    def _insist(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

    def _outcome(self, *, timed_out: bool) -> Done:
        if "done" not in self._said:
            raise SandboxFault(self._complaint())
        return Done(
            code=int(self._said["done"]),
            stdout=bytes(self._stdout),
            stderr=bytes(self._stderr),
            dropped=self._drain.dropped,
            timed_out=timed_out,
        )

    def _complaint(self) -> str:
        if "fault" in self._said:
            return f"The command could not be set up: {self._said['fault']}."
        if "stuck" in self._said:
            return f"These processes could not be ended: {self._said['stuck']}."
        _end_group(self._said.get("pid", ""))
        return "The command's supervisor was killed; processes that left its group may still run."


def _end_group(pid: str) -> None:
    """Kill the command's process group, all that can still be found without its supervisor."""
    if pid:
        try:
            os.killpg(int(pid), signal.SIGKILL)
        except OSError:
            return


async def _outlast(work: asyncio.Task[None]) -> None:
    """Wait for the end however often we are cancelled: the command must be gone first."""
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            continue
    if not work.cancelled():
        work.exception()
