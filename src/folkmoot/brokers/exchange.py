"""An exchange that lives in a server: the same machine over each wire (eventwire.py).

Authority: an event is the server's when it has confirmed it, and ours again only when it has arrived.
Failures: whatever goes wrong with a connection ends it, and link.py makes a new one; what was received
and not settled comes again, to us or to another. `emit` waits for a server that is gone until PATIENCE_S
after the outage began, then says so (BrokerFault); settling waits for nobody.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Literal

from folkmoot.brokers.address import Address
from folkmoot.brokers.confirmed import Confirmed
from folkmoot.brokers.eventwire import Buried, Come, EventWire, Settled
from folkmoot.brokers.link import PATIENCE_S, Link, uncut
from folkmoot.brokers.takers import Takers
from folkmoot.brokers.wire import FETCH_S
from folkmoot.core.envelope import Envelope
from folkmoot.core.errors import BrokerFault
from folkmoot.ports.exchange import Arrival

_BEAT_S = 1.0


class RemoteArrival:
    """An event from the server."""

    def __init__(self, exchange: "RemoteExchange", come: Come) -> None:
        """Remember the exchange: words about the event go there."""
        self.subscription = come.subscription
        self.topic = come.topic
        self.body = come.body
        self._exchange = exchange
        self._come = come

    async def ack(self) -> None:
        """It is kept elsewhere now."""
        self._exchange.settle(self._come, "done")

    async def nack(self) -> None:
        """Give it to somebody else."""
        self._exchange.settle(self._come, "back")

    async def reject(self) -> None:
        """Nobody can read it."""
        self._exchange.settle(self._come, "dead")


class _Ears:
    """What one connection tells; a connection that was left tells nothing."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._born = link.generation

    def broken(self, fault: BaseException) -> None:
        self._link.broken(fault, self._born)


class RemoteExchange:
    """Events between processes, through a server."""

    def __init__(self, address: Address, wire: EventWire) -> None:
        """Nothing is opened yet."""
        self.capabilities = wire.capabilities
        self._wire = wire
        self._link = Link(address, self._join, wire.leave)
        self._mouth = Confirmed(self._link, wire.say, self._attend)
        self._served: dict[str, tuple[str, ...]] = {}
        self._attended: dict[str, tuple[str, ...]] = {}
        self._telling = asyncio.Lock()
        self._some = asyncio.Event()
        self._takers: Takers[Come] = Takers(self._fetch, self._back)
        self._held: dict[int, Come] = {}
        self._beating: asyncio.Task[None] | None = None
        self._open = False

    async def open(self) -> None:
        """Connect. Raises SettingsInvalid when the server refuses us; waits for no other."""
        if self._open:
            return
        await self._link.open(self._wire.refusals, whom="our events")
        self._open = True
        self._takers = Takers(self._fetch, self._back)
        self._beating = asyncio.create_task(self._beat(), name="folkmoot-events-beat")

    async def close(self) -> None:
        """Give back what is held, and let go."""
        if not self._open:
            return
        self._open = False
        assert self._beating is not None
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        await self._takers.close()
        with suppress(Exception):  # the server gives to others what we could not
            async with asyncio.timeout(PATIENCE_S):
                for name in self._attended if self._link.up else ():
                    await self._wire.forsake(name)
                for come in list(self._held.values()):
                    self._back(come)
                await self._mouth.flush()
        self._served.clear()
        self._held.clear()
        await self._mouth.close()
        await self._link.close()

    async def emit(self, envelope: Envelope) -> None:
        """Return when the server has confirmed the event. Raises BrokerFault."""
        if not self._open:
            raise BrokerFault("The broker is closed.")
        await self._mouth.say(envelope)

    async def subscribe(self, name: str, patterns: Sequence[str]) -> None:
        """Serve a subscription."""
        if not self._open:
            return
        self._served[name] = tuple(patterns)
        self._some.set()
        if self._link.up:
            await self._attend()

    async def leave(self, name: str) -> None:
        """Serve a subscription no more."""
        known = self._served.pop(name, None) is not None
        if self._attended.pop(name, None) is not None and known and self._link.up:
            await self._try(self._wire.forsake(name))
        if not self._served:
            self._some.clear()

    async def receive(self, limit: int) -> list[Arrival]:
        """Wait for events; return at most `limit`, none once it is closed."""
        if not self._open:
            return []
        found = await self._takers.take(limit)
        self._held.update((id(come), come) for come in found)
        return [RemoteArrival(self, come) for come in found]

    async def bury(self, subscription: str, envelope: Envelope, tries: int, error: str) -> None:
        """Leave a copy with the server, where it keeps such."""
        if self._open and "dead_letters" in self.capabilities:
            self._mouth.toss(Buried(subscription, envelope, tries, error))

    def settle(self, come: Come, how: Literal["done", "back", "dead"]) -> None:
        """Say what becomes of an event. The first word counts."""
        if self._held.pop(id(come), None) is not None:
            self._mouth.toss(Settled(come, how))

    # --- within ---

    def _back(self, come: Come) -> None:
        self._mouth.toss(Settled(come, "back"))

    async def _join(self) -> None:
        await self._wire.join(_Ears(self._link))
        self._attended = {}

    async def _attend(self) -> None:
        """Tell the server of every subscription that this connection has not told yet, one by one.

        Before anything is emitted, too: a server that came back empty would give it to nobody.
        """
        async with self._telling:
            while self._link.up and (missing := self._untold()) is not None:
                name, patterns = missing
                if await self._try(self._wire.attend(name, patterns)):
                    self._attended[name] = patterns

    def _untold(self) -> tuple[str, tuple[str, ...]] | None:
        for name, patterns in self._served.items():
            if self._attended.get(name) != patterns:
                return name, patterns
        return None

    async def _try(self, work: Awaitable[None]) -> bool:
        """Do something with the connection; a fault of it is the link's to mend."""
        born = self._link.generation
        try:
            async with asyncio.timeout(PATIENCE_S):
                await uncut(work)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the connection is not to be trusted
            self._link.broken(fault, born)
            return False
        return True

    async def _fetch(self, limit: int) -> list[Come]:
        await self._some.wait()
        await self._link.there()
        await self._attend()
        born = self._link.generation
        try:
            async with asyncio.timeout(FETCH_S + PATIENCE_S):
                return await uncut(self._wire.fetch(limit))
        except Exception as fault:  # noqa: BLE001 - as above
            self._link.broken(fault, born)
            return []

    async def _beat(self) -> None:
        while self._open:  # a cancellation may get lost in a library's wait_for
            await asyncio.sleep(_BEAT_S)
            await self._link.there()
            await self._try(self._wire.beat())
