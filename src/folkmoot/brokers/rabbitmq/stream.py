"""Consumers on all lines of a queue, and what they brought that nobody has fetched yet.

RabbitMQ hands over without being asked, each line up to its prefetch, so that no message costs a
question. The prefetch is counted in messages and the room of a worker in runs: `size` is how many runs
a message has had lately.
"""

import asyncio
from collections import Counter, deque
from contextlib import suppress
from functools import partial

from aiormq.abc import DeliveredMessage

from folkmoot.brokers.log import warn
from folkmoot.brokers.rabbitmq.bundles import Mail, runs_in
from folkmoot.brokers.rabbitmq.tally import Held, Tally
from folkmoot.brokers.together import Bundle
from folkmoot.brokers.words import Taken


class Reader:
    """Makes announcements of messages; what is no run's id goes to the dead-letter queue."""

    def __init__(self, queue: str) -> None:
        """Of one queue."""
        self._queue = queue
        self.size = 1.0

    async def read(self, priority: str, message: DeliveredMessage, tally: Tally) -> list[Taken]:
        """Return what a message announces."""
        number = message.delivery_tag
        assert number is not None
        held = tally.add(number)
        runs = runs_in(Mail.of(message))
        if not runs:
            warn("announcement_garbled", queue=self._queue, bytes=len(message.body))
            await tally.reject(number)
            return []
        self.size += (len(runs) - self.size) / 16
        bundle = Bundle(held, len(runs))
        return [Taken(self._queue, run, priority, bundle) for run in runs]


class Stream:
    """A channel with a consumer for each priority."""

    def __init__(self, reader: Reader, lines: dict[str, str], tally: Tally) -> None:
        """`lines`: the queue's name for each priority, urgent first. Nothing is consumed yet."""
        self._reader = reader
        self._names = lines
        self._tally = tally
        self._tags: list[str] = []
        self._came: dict[str, deque[Taken]] = {priority: deque() for priority in lines}
        self._news = asyncio.Event()
        self._broken = False
        self.prefetch = 0

    @property
    def is_open(self) -> bool:
        """Whether RabbitMQ hands over."""
        return bool(self._tags)

    async def start(self, prefetch: int) -> None:
        """Consume, up to so many messages of each line that are not dealt with."""
        channel = self._tally.channel
        await channel.basic_qos(prefetch_count=prefetch)
        self.prefetch = prefetch
        for priority, name in self._names.items():
            begun = await channel.basic_consume(name, partial(self._hear, priority))
            self._tags.append(begun.consumer_tag or "")

    async def stop(self) -> None:
        """Consume no more. What came is still here."""
        tags, self._tags = self._tags, []
        for tag in tags:
            await self._tally.channel.basic_cancel(tag)

    def end(self) -> None:
        """The connection is gone: let who waits know."""
        self._broken = True
        self._news.set()

    async def some(self, limit: int, seconds: float) -> list[Taken]:
        """Return what has come, urgent first; wait for it if there is nothing."""
        if not any(self._came.values()):
            await self._hear_of(seconds)
        if self._broken:
            raise ConnectionResetError("the connection was let go")
        found: list[Taken] = []
        for line in self._came.values():
            while line and len(found) < limit:
                found.append(line.popleft())
        return found

    async def first(self, priority: str, seconds: float) -> None:
        """Wait until a line has brought something."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._came[priority] and not self._broken:
                    self._news.clear()
                    await self._news.wait()

    async def back(self, keep: int = 0) -> list[Taken]:
        """Give back what has come, but for the first `keep`; return what RabbitMQ cannot take back.

        A message goes back whole. Of one that was fetched in part the rest must be announced anew.
        """
        came = [taken for line in self._came.values() for taken in line]
        for line in self._came.values():
            line.clear()
        for taken in came[:keep]:
            self._came[taken.priority].append(taken)
        rest = came[keep:]
        count = Counter(id(taken.mark) for taken in rest)
        anew: list[Taken] = []
        for taken in reversed(rest):
            bundle: Bundle[Held] = taken.mark
            if count[id(bundle)] < bundle.size:
                anew.append(taken)
            elif bundle.left:
                bundle.left = 0
                await self._tally.back(bundle.message.number)
        return anew

    def __len__(self) -> int:
        """How much has come and was not fetched."""
        return sum(map(len, self._came.values()))

    async def _hear_of(self, seconds: float) -> None:
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _hear(self, priority: str, message: DeliveredMessage) -> None:
        self._came[priority].extend(await self._reader.read(priority, message, self._tally))
        self._news.set()
