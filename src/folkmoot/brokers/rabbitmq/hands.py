"""Takes messages out of one queue's lines, urgent first, or waits for the first.

One at a time is a question and an answer; where many wait, a consumer with as much prefetch as there
is room for takes them in one go, and is cancelled. Nothing is consumed that nobody asked for, but for
what comes in the moment of turning away: that is the caller's to give back.
"""

import asyncio
from contextlib import suppress

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

_MANY = 4
"""From so many on a consumer is cheaper than single questions."""
_BURST_S = 0.05

Found = list[tuple[str, AbstractIncomingMessage]]
"""Priority and message."""


class _Line:
    """One queue, with a channel of its own."""

    def __init__(self, channel: AbstractChannel, name: str) -> None:
        self._channel = channel
        self._name = name

    async def one(self) -> AbstractIncomingMessage | None:
        """Take one message if there is one."""
        queue = await self._channel.get_queue(self._name, ensure=False)
        return await queue.get(fail=False)

    async def many(
        self, limit: int, seconds: float, came: asyncio.Event
    ) -> list[AbstractIncomingMessage]:
        """Consume up to `limit`, until `came` is set, which the last of them does, or for a time."""
        found: list[AbstractIncomingMessage] = []

        async def take(message: AbstractIncomingMessage) -> None:
            found.append(message)
            if len(found) >= limit:
                came.set()

        await self._channel.set_qos(prefetch_count=limit)
        queue = await self._channel.get_queue(self._name, ensure=False)
        tag = await queue.consume(take)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await came.wait()
        finally:
            await queue.cancel(tag)
        return found


class Hands:
    """The channels on which one queue is emptied."""

    def __init__(self, connection: AbstractConnection, lines: dict[str, str]) -> None:
        """`lines`: the queue's name for each priority, urgent first."""
        self._connection = connection
        self._names = lines
        self._lines: dict[str, _Line] = {}

    async def open(self) -> None:
        """Open the channels."""
        for priority, name in self._names.items():
            self._lines[priority] = _Line(await self._connection.channel(), name)

    async def look(self, limit: int) -> Found:
        """Take what is there."""
        found: Found = []
        for priority, line in self._lines.items():
            while len(found) < limit and (message := await line.one()) is not None:
                found.append((priority, message))
                rest = min(message.message_count or 0, limit - len(found))
                if rest >= _MANY:
                    more = await line.many(rest, _BURST_S, asyncio.Event())
                    found += [(priority, each) for each in more]
        return found

    async def wait(self, seconds: float) -> Found:
        """Wait for the first message; return it and what else has come by the time we turn away."""
        came = asyncio.Event()
        lines = [line.many(1, seconds, came) for line in self._lines.values()]
        found = await asyncio.gather(*lines)
        pairs = zip(self._lines, found, strict=True)
        return [(priority, message) for priority, messages in pairs for message in messages]
