"""A broker that lives in a server: the same machine over each wire (wire.py).

Authority: the server's memory is a hint; truth is in the store. Clocks: leases run on the server's.
Failures: whatever goes wrong with a connection ends it, and link.py makes a new one. Meanwhile `take`
waits; `put` and `nack` wait no longer than PATIENCE_S after the outage began, then drop what they were
given, and all later ones drop at once; `publish` and `ack` never wait for an outage. What was dropped is
counted in the log line that tells of the return. When announcements may have been lost (dropped here,
or the server came back empty) `losses` grows: the relay announces again then.
A server that is not there at `open` is an outage like any other; one that refuses us is an error.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from itertools import count
from secrets import token_hex

from folkmoot.brokers.address import Address
from folkmoot.brokers.feed import Feed
from folkmoot.brokers.link import PATIENCE_S, Link, uncut
from folkmoot.brokers.log import warn
from folkmoot.brokers.sender import Sender
from folkmoot.brokers.takers import Takers
from folkmoot.brokers.topics import Listener
from folkmoot.brokers.wire import FETCH_S, Wire
from folkmoot.brokers.words import Back, Done, Put, Taken, Word
from folkmoot.core.events import Event
from folkmoot.core.task import PRIORITIES
from folkmoot.ports.broker import Delivery

BUFFER = 1000
"""Events that a listener may leave untaken; what comes then pushes out the oldest."""
_BEAT_S = 1.0


class RemoteDelivery:
    """A run that was taken from the server."""

    def __init__(self, broker: "RemoteBroker", taken: Taken) -> None:
        """Remember the broker: words about the delivery go there."""
        self.run = taken.run
        self.priority = taken.priority
        self._broker = broker
        self._taken = taken

    async def ack(self) -> None:
        """It has been dealt with."""
        if self._broker.release(self._taken):
            await self._broker.toss(Done(self._taken))

    async def nack(self) -> None:
        """Give it back. Only the first word counts."""
        if self._broker.release(self._taken):
            await self._broker.say(Back(self._taken))


class _Ears:
    """What one connection tells; a connection that was left tells nothing."""

    def __init__(self, broker: "RemoteBroker", link: Link, feed: Feed) -> None:
        self._broker = broker
        self._link = link
        self._born = link.generation
        self.hear = feed.hear
        self.surplus = broker.back

    def broken(self, fault: BaseException) -> None:
        self._link.broken(fault, self._born)

    def emptied(self) -> None:
        self._broker.losses += 1


class RemoteBroker:
    """Motion between processes, through a server."""

    def __init__(self, address: Address, wire: Wire, buffer: int = BUFFER) -> None:
        """A listener keeps at most `buffer` events that it has not taken."""
        self.capabilities = wire.capabilities
        self.losses = 0
        self._wire = wire
        self._buffer = buffer
        self._link = Link(address, self._join, wire.leave)
        self._sender = Sender(self._link, wire.say)
        self._feed = Feed(self._link, wire)
        self._takers: dict[str, Takers[Taken]] = {}
        self._held: dict[int, Taken] = {}
        self._beating: asyncio.Task[None] | None = None
        self._name = token_hex(8)
        self._marks = count()
        self._open = False

    async def open(self) -> None:
        """Connect. Raises SettingsInvalid when the server refuses us; waits for no other."""
        if self._open:
            return
        await self._link.open(self._wire.refusals)
        self._open = True
        self._beating = asyncio.create_task(self._beat(), name="folkmoot-broker-beat")

    async def close(self) -> None:
        """Give back what is held, say what waits to be said (for a short while), let go."""
        if not self._open:
            return
        self._open = False
        assert self._beating is not None
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        for takers in self._takers.values():
            await takers.close()
        self._takers.clear()
        await self._feed.close()
        held = list(self._held.values())
        self._held.clear()
        with suppress(Exception):  # leases do what we could not
            async with asyncio.timeout(PATIENCE_S):
                if self._link.up:
                    await self._wire.rest()
                for taken in reversed(held):
                    await self._sender.toss(Back(taken))
                await self._sender.flush()
        await self._link.close()

    async def put(self, queue: str, run: str, priority: str = "normal") -> None:
        """Announce a run; see above for what happens in an outage."""
        if priority not in PRIORITIES:
            priority = "normal"
        await self.say(Put(queue, run, priority, f"{self._name}-{next(self._marks)}"))

    async def take(self, queue: str, limit: int = 1) -> list[Delivery]:
        """Wait for announcements; return at most `limit` of them, none once the broker is closed."""
        if not self._open:
            return []
        takers = self._takers.get(queue)
        if takers is None:
            takers = self._takers[queue] = Takers(lambda n: self._fetch(queue, n), self.back)
        found = await takers.take(limit)
        if not self._open:
            return []
        self._held.update((id(taken), taken) for taken in found)
        return [RemoteDelivery(self, taken) for taken in found]

    async def publish(self, event: Event) -> None:
        """Tell the listeners, soon."""
        await self.toss(event)

    def heard(self, topic: str) -> bool:  # noqa: ARG002 - the port's
        """Whether anybody may be listening: other processes are not asked, so always."""
        return self._open

    def listen(self, *patterns: str) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Hear events that fit one of the patterns from the moment the context is entered."""
        return self._listening(patterns)

    @asynccontextmanager
    async def _listening(self, patterns: tuple[str, ...]) -> AsyncIterator[AsyncIterator[Event]]:
        listener = Listener(self._buffer)
        try:
            if self._open:
                # What was published here before must not be heard: it may still wait to be sent.
                await self._sender.flush()
                await self._feed.add(listener, patterns)
            if not self._open:
                listener.close()
            yield listener
        finally:
            self._feed.remove(listener, patterns)
            listener.close()

    # --- for deliveries ---

    def release(self, taken: Taken) -> bool:
        """Whether a delivery was still open; it is not from now on."""
        return self._held.pop(id(taken), None) is not None

    async def say(self, word: Word) -> None:
        """Say a word and wait for it, unless we are closed."""
        if self._open:
            await self._sender.say(word)

    async def toss(self, word: Word) -> None:
        """Say a word without waiting, unless we are closed."""
        if self._open:
            await self._sender.toss(word)

    def back(self, taken: Taken) -> None:
        """Give back what nobody here wants."""
        self._sender.add(Back(taken))

    # --- within ---

    async def _join(self) -> None:
        await self._wire.join(_Ears(self, self._link, self._feed))
        await self._feed.again()
        if self._link.dropped:
            self.losses += 1

    async def _fetch(self, queue: str, limit: int) -> list[Taken]:
        await self._link.there()
        born = self._link.generation
        try:
            async with asyncio.timeout(FETCH_S + PATIENCE_S):
                return await uncut(self._wire.fetch(queue, limit))
        except Exception as fault:  # noqa: BLE001 - whatever it is, the connection is not to be trusted
            self._link.broken(fault, born)
            return []

    async def _beat(self) -> None:
        while self._open:  # a cancellation may get lost in a library's wait_for
            await asyncio.sleep(_BEAT_S)
            await self._link.there()
            born = self._link.generation
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await uncut(self._wire.beat())
            except Exception as fault:  # noqa: BLE001 - as above
                self._link.broken(fault, born)
            if lost := self._sender.overflown:
                self._sender.overflown = 0
                warn("events_dropped", broker=self._link.address.shown, count=lost)
