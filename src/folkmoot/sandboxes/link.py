"""The link to a supervisor: an order there, a few words back, and its end when the supervisor's is.

Readiness callbacks and a future, no task: see pipes.py. When we die, stop, or forget the link, the
supervisor sees its end and takes everything down.

Danger: a supervisor that dies without having read all that we said makes our end of the socket an
error, and some event loops then tell a reader nothing at all. So to stop is to end our half, and says no
word that could be left unread; and the end of the process itself is heard, too, where the kernel tells it.
"""

import asyncio
import contextlib
import os
import socket

_CHUNK = 4_096


class Link:
    """Our end. `ended` is done when the supervisor is gone; `said` is what it had said."""

    def __init__(self, ours: socket.socket, order: bytes, pid: int) -> None:
        self.said: dict[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._socket = ours
        self._order = memoryview(order)
        self._heard = bytearray()
        self._loop.add_reader(ours, self._hear)
        self._loop.add_writer(ours, self._tell)
        self._process: int | None = None
        with contextlib.suppress(OSError):  # a kernel without pidfds
            self._process = os.pidfd_open(pid)
            self._loop.add_reader(self._process, self._gone)

    def stop(self) -> None:
        """Ask the supervisor to end everything."""
        self._loop.remove_writer(self._socket)
        with contextlib.suppress(OSError):  # it may have ended by itself
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let go."""
        self._forget_process()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()

    def _tell(self) -> None:
        try:
            self._order = self._order[self._socket.send(self._order) :]
        except BlockingIOError:
            return
        except OSError:
            self._order = self._order[:0]  # it is gone; that is heard by _hear
        if not self._order:
            self._loop.remove_writer(self._socket)

    def _forget_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            self._loop.remove_reader(process)
            os.close(process)

    def _gone(self) -> None:
        """The supervisor is gone; take in what it had said, whatever has become of the socket."""
        self._forget_process()
        while self._read():
            continue
        self._end()

    def _hear(self) -> None:
        if self._read() == b"":
            self._end()

    def _read(self) -> bytes | None:
        """Take in a piece and return it: None when there is none yet, nothing at the end."""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        self._heard += data
        return data

    def _end(self) -> None:
        for line in self._heard.decode(errors="replace").splitlines():
            word, _, rest = line.partition(" ")
            self.said[word] = rest
        self._loop.remove_reader(self._socket)
        if not self.ended.done():
            self.ended.set_result(None)
