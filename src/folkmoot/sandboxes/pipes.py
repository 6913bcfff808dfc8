"""Pipes to a command, moved by readiness callbacks.

There is no task in here. Whoever ends an event loop cancels every task, and a task that reads for a
command would be cancelled before the command has ended; a callback cannot be.
"""

import asyncio
import os
from io import FileIO

_CHUNK = 65_536


class Drain:
    """Reads several pipes to their ends; keeps the first `limit` bytes of all, counts the rest.

    A pipe that nobody reads stops the command that writes to it, so reading goes on after the limit.
    `ended` is done when every pipe came to its end.
    """

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        self._room = max(limit, 0)
        self._loop = asyncio.get_running_loop()
        self._open: list[FileIO] = []
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def add(self, pipe: FileIO) -> bytearray:
        """Begin to read a pipe; return where its bytes appear."""
        kept = bytearray()
        os.set_blocking(pipe.fileno(), False)
        self._open.append(pipe)
        self._loop.add_reader(pipe.fileno(), self._ready, pipe, kept)
        return kept

    def close(self) -> None:
        """Read no more, whether the ends have come or not."""
        for pipe in list(self._open):
            self._end(pipe)

    def _ready(self, pipe: FileIO, kept: bytearray) -> None:
        try:
            data = os.read(pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._end(pipe)
            return
        part = data[: self._room]
        kept += part
        self._room -= len(part)
        self.dropped += len(data) - len(part)

    def _end(self, pipe: FileIO) -> None:
        self._open.remove(pipe)
        self._loop.remove_reader(pipe.fileno())
        pipe.close()
        if not self._open and not self.ended.done():
            self.ended.set_result(None)


class Feed:
    """Writes bytes into a pipe, then closes it. A reader who wants no more is no fault."""

    def __init__(self, pipe: FileIO, data: bytes) -> None:
        self._loop = asyncio.get_running_loop()
        self._pipe: FileIO | None = pipe
        self._left = memoryview(data)
        os.set_blocking(pipe.fileno(), False)
        self._loop.add_writer(pipe.fileno(), self._ready)

    def close(self) -> None:
        """Write no more."""
        if self._pipe is not None:
            self._loop.remove_writer(self._pipe.fileno())
            self._pipe.close()
            self._pipe = None

    def _ready(self) -> None:
        assert self._pipe is not None
        try:
            while self._left:
                self._left = self._left[os.write(self._pipe.fileno(), self._left) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            pass  # it has read what it wanted
        self.close()
