"""Drain: reads what a command prints, keeps the first part, counts the rest.

A pipe that nobody reads stops the command that writes to it, so reading goes on after the cap.
"""

import asyncio

_CHUNK = 65_536


class Drain:
    """Keeps at most `limit` bytes of all the streams that it reads, in the order they come."""

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        self._room = max(limit, 0)

    async def read(self, stream: asyncio.StreamReader, into: bytearray) -> None:
        """Read a stream to its end."""
        while data := await stream.read(_CHUNK):
            kept = data[: self._room]
            into += kept
            self._room -= len(kept)
            self.dropped += len(data) - len(kept)
