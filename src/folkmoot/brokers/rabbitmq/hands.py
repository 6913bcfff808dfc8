"""Takes announcements out of one queue's lines, urgent first.

Two ways. *Asking*: line after line, one message a question; nothing is taken that has no room here.
*Streaming* (stream.py): where nothing is there, where much is and there is room for much of it, or
where somebody comes again and again, RabbitMQ hands over by itself. That may bring more than there is
room for, so nobody may come for it: LINGER_S after the last fetch the stream ends, and what it has
brought goes back.

States: asking -> streaming -> ending -> asking. A fetch that comes while a stream ends waits for that.
"""

import asyncio
from math import ceil

from folkmoot.brokers.link import uncut
from folkmoot.brokers.rabbitmq.stream import Reader, Stream
from folkmoot.brokers.rabbitmq.tally import Tally
from folkmoot.brokers.wire import FETCH_S, Ears
from folkmoot.brokers.words import Taken

LINGER_S = 0.2
"""How long what has come waits for somebody who has room for it."""
_MANY = 4
_FIRST_S = 0.05
_PREFETCHED = 1000


class Hands:
    """The channels on which one queue is emptied. Fetches come one at a time."""

    def __init__(
        self, queue: str, lines: dict[str, str], asking: Tally, streaming: Tally, ears: Ears
    ) -> None:
        """`lines`: the queue's name for each priority, urgent first."""
        self._lines = lines
        self._asking = asking
        self._ears = ears
        self._reader = Reader(queue)
        self._stream = Stream(self._reader, lines, streaming)
        self._most = 1
        self._left_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None

    async def fetch(self, limit: int) -> list[Taken]:
        """Return what is there, at most `limit`; wait up to FETCH_S for the first if there is nothing."""
        self._stay()
        if self._ending is not None:
            await asyncio.shield(self._ending)
        try:
            found = await self._fetch(limit)
        finally:
            loop = asyncio.get_running_loop()
            self._left_at = loop.time()
            self._timer = loop.call_later(LINGER_S, self._turn_away)
        return found

    async def rest(self) -> None:
        """Turn away now."""
        self._stay()
        if self._ending is None:
            self._turn_away()
        if self._ending is not None:
            await self._ending

    def drop(self) -> None:
        """The connection is gone."""
        self._stay()
        if self._ending is not None:
            self._ending.cancel()
        self._stream.end()

    # --- within ---

    async def _fetch(self, limit: int) -> list[Taken]:
        self._most = max(self._most, limit)
        if not self._stream.is_open:
            found = await self._ask(limit)
            if found or self._stream.is_open:
                return found
            self._most = limit  # all lines are empty: who waits has nothing else to do
            await self._stream.start(self._prefetch())
        elif not self._prefetch() // 2 <= self._stream.prefetch <= self._prefetch() * 2:
            await self._stream.stop()
            await self._stream.start(self._prefetch())
        found = await self._stream.some(limit, FETCH_S)
        if not found:
            self._most = limit
        if len(self._stream) > 2 * self._most:
            await self._back(2 * self._most)
        return found

    def _prefetch(self) -> int:
        """How many messages fill the room of this process."""
        return min(_PREFETCHED, ceil(self._most / self._reader.size))

    async def _ask(self, limit: int) -> list[Taken]:
        """Take one message after the other; begin to stream where many wait and many are wanted."""
        often = asyncio.get_running_loop().time() - self._left_at < LINGER_S
        found: list[Taken] = []
        for priority, name in self._lines.items():
            while len(found) < limit:
                message = await self._asking.channel.basic_get(name)
                number, waiting = message.delivery_tag, message.message_count or 0
                if number is None:
                    break
                found += await self._reader.read(priority, message, self._asking)
                if waiting >= _MANY and (often or limit - len(found) >= _MANY):
                    await self._stream.start(self._prefetch())
                    # What is less urgent may be here sooner.
                    await self._stream.first(priority, _FIRST_S)
                    return self._cut(found, limit)
        return self._cut(found, limit)

    def _cut(self, found: list[Taken], limit: int) -> list[Taken]:
        for taken in reversed(found[limit:]):
            self._ears.surplus(taken)
        return found[:limit]

    def _stay(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _turn_away(self) -> None:
        if self._stream.is_open:
            self._ending = asyncio.create_task(self._end(), name="folkmoot-broker-turn-away")

    async def _end(self) -> None:
        try:
            await uncut(self._stream.stop())
            await self._back(0)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the connection is not to be trusted
            self._ears.broken(fault)
        finally:
            self._ending = None

    async def _back(self, keep: int) -> None:
        for taken in await self._stream.back(keep):
            self._ears.surplus(taken)
