"""Takes messages out of one queue's lines, urgent first: several at a time, or waits for the first."""

import asyncio
from contextlib import suppress

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue

_SIDE_BY_SIDE = 8
"""One channel answers one question at a time; so many ask at once."""

Found = list[tuple[str, AbstractIncomingMessage]]
"""Priority and message."""


class Hands:
    """The channels on which one queue is emptied."""

    def __init__(self, connection: AbstractConnection, lines: dict[str, str]) -> None:
        """`lines`: the queue's name for each priority, urgent first."""
        self._connection = connection
        self._lines = lines
        self._getting: list[dict[str, AbstractQueue]] = []
        self._waiting: AbstractChannel | None = None

    async def open(self) -> None:
        """Open the channels."""
        for _ in range(_SIDE_BY_SIDE):
            self._getting.append(await self._queues(await self._connection.channel()))
        self._waiting = await self._connection.channel()
        await self._waiting.set_qos(prefetch_count=1)

    async def look(self, limit: int) -> Found:
        """Take what is there."""
        found: Found = []
        for priority in self._lines:
            asked = 1
            while len(found) < limit:
                more = await self._get(priority, min(asked, limit - len(found)))
                found += [(priority, message) for message in more]
                if len(more) < asked:
                    break
                asked = _SIDE_BY_SIDE
        return found

    async def wait(self, seconds: float) -> Found:
        """Wait for the first message; return it and what else has come by the time we turn away."""
        assert self._waiting is not None
        found: Found = []
        came = asyncio.Event()
        queues = await self._queues(self._waiting)
        tags = {}
        try:
            for priority, queue in queues.items():

                async def take(message: AbstractIncomingMessage, priority: str = priority) -> None:
                    found.append((priority, message))
                    came.set()

                tags[priority] = await queue.consume(take)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await came.wait()
        finally:
            for priority, tag in tags.items():
                await queues[priority].cancel(tag)
        order = list(self._lines)
        return sorted(found, key=lambda pair: order.index(pair[0]))

    async def _queues(self, channel: AbstractChannel) -> dict[str, AbstractQueue]:
        return {
            priority: await channel.get_queue(name, ensure=False)
            for priority, name in self._lines.items()
        }

    async def _get(self, priority: str, count: int) -> list[AbstractIncomingMessage]:
        asked = [queues[priority].get(fail=False) for queues in self._getting[:count]]
        return [message for message in await asyncio.gather(*asked) if message is not None]
