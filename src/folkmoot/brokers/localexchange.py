"""The exchange inside one process. Nothing is kept here: `emit` returns when everybody has acked.

So an event is never nowhere: until those who subscribe have kept it, whoever emits it still has it. An
event that nobody takes within PATIENCE_S is refused, and emitted again by its owner.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from folkmoot.brokers.link import PATIENCE_S
from folkmoot.core import envelope as envelopes
from folkmoot.core.envelope import Envelope
from folkmoot.core.errors import BrokerFault
from folkmoot.core.events import matches
from folkmoot.ports.exchange import Arrival


class LocalArrival:
    """An event within this process."""

    def __init__(self, exchange: "LocalExchange", subscription: str, envelope: Envelope) -> None:
        """`done` is resolved when it was settled for good."""
        self.subscription = subscription
        self.topic = envelope.event_type
        self.body = envelopes.write(envelope)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._exchange = exchange

    async def ack(self) -> None:
        """It is kept elsewhere now."""
        self._end()

    async def reject(self) -> None:
        """Nobody can read it."""
        self._end()

    async def nack(self) -> None:
        """Give it to somebody else."""
        if not self.done.done():
            self._exchange.again(self)
            # Whoever waits goes first; and a loop of receive and nack must not starve everything else.
            await asyncio.sleep(0)

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class LocalExchange:
    """Events within one process."""

    capabilities: frozenset[str] = frozenset()

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        """`patience_s`: how long an event waits to be acked."""
        self._patience_s = patience_s
        self._served: dict[str, tuple[str, ...]] = {}
        self._waiting: deque[LocalArrival] = deque()
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = False

    async def open(self) -> None:
        """Begin to carry."""
        self._open = True

    async def close(self) -> None:
        """Let receivers end, and refuse what nobody has taken."""
        self._open = False
        for arrival in self._waiting:
            arrival.done.cancel()
        self._waiting.clear()
        self._served.clear()
        await self._tell()

    async def emit(self, envelope: Envelope) -> None:
        """Return when everybody who wants it has acked. Raises BrokerFault."""
        if not self._open:
            raise BrokerFault("The broker is closed.")
        wanted = [
            LocalArrival(self, name, envelope)
            for name, patterns in self._served.items()
            if any(matches(pattern, envelope.event_type) for pattern in patterns)
        ]
        self._waiting.extend(wanted)
        await self._tell()
        await self._all(wanted)

    async def subscribe(self, name: str, patterns: Sequence[str]) -> None:
        """Serve a subscription."""
        if self._open:
            self._served[name] = tuple(patterns)

    async def leave(self, name: str) -> None:
        """Serve a subscription no more: within one process that is its end."""
        self._served.pop(name, None)
        gone = [arrival for arrival in self._waiting if arrival.subscription == name]
        for arrival in gone:
            self._waiting.remove(arrival)
            await arrival.ack()

    async def receive(self, limit: int) -> list[Arrival]:
        """Wait for events; return at most `limit`, none once it is closed."""
        async with self._news:
            await self._news.wait_for(lambda: self._waiting or not self._open)
            return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    async def bury(self, subscription: str, envelope: Envelope, tries: int, error: str) -> None:
        """Nothing is kept here."""

    def again(self, arrival: LocalArrival) -> None:
        """Let somebody else take an event."""
        if self._open:
            self._waiting.append(arrival)
            task = asyncio.create_task(self._tell())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _all(self, wanted: list[LocalArrival]) -> None:
        if not wanted:
            return
        _, late = await asyncio.wait([each.done for each in wanted], timeout=self._patience_s)
        for arrival in wanted:
            if arrival in self._waiting:
                self._waiting.remove(arrival)
        if late or any(each.done.cancelled() for each in wanted):
            raise BrokerFault("Nobody took the event in time.")
