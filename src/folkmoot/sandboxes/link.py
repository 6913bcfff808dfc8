"""The link to a supervisor: an order there, a few words back, and its end when the supervisor's is.

Readiness callbacks and a future, no task: see pipes.py. When we die, or forget the link, the
supervisor sees its end and takes everything down.
"""

import asyncio
import contextlib
import socket

_CHUNK = 4_096


class Link:
    """Our end. `ended` is done when the supervisor is gone; `said` is what it had said."""

    def __init__(self, ours: socket.socket, order: bytes) -> None:
        self.said: dict[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._socket = ours
        self._order = memoryview(order)
        self._heard = bytearray()
        self._loop.add_reader(ours, self._hear)
        self._loop.add_writer(ours, self._tell)

    def stop(self) -> None:
        """Ask the supervisor to end everything. A half-given order ends by its end of file."""
        with contextlib.suppress(OSError):  # it may have ended by itself
            if self._order:
                self._loop.remove_writer(self._socket)
                self._socket.shutdown(socket.SHUT_WR)
            else:
                self._socket.send(b"s")

    def close(self) -> None:
        """Let go."""
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

    def _hear(self) -> None:
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._heard += data
            return
        for line in self._heard.decode(errors="replace").splitlines():
            word, _, rest = line.partition(" ")
            self.said[word] = rest
        self._loop.remove_reader(self._socket)
        if not self.ended.done():
            self.ended.set_result(None)
