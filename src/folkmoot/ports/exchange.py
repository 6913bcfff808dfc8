"""The exchange: carries events between processes, at least once. What agents are started by."""

from collections.abc import Sequence
from typing import Protocol

from folkmoot.core.envelope import Envelope


class Arrival(Protocol):
    """An event that has arrived for a subscription, as bytes: whoever receives it decodes it.

    Exactly one of `ack`, `nack` and `reject` is called; the first word counts. None of them raises, and
    a word that did not reach the server does no harm: the event comes again.
    """

    subscription: str
    topic: str
    """What it was published under, without a priority."""
    body: bytes

    async def ack(self) -> None:
        """It is kept elsewhere now."""
        ...

    async def nack(self) -> None:
        """Give it to somebody else, soon."""
        ...

    async def reject(self) -> None:
        """Nobody can read it: it goes where the engine keeps such, or away."""
        ...


class Exchange(Protocol):
    """Takes events in and gives each of them to every subscription that wants it.

    A subscription is a name and patterns, and outlives its processes: what is emitted while none of
    them lives waits for the next. Processes with one subscription share it: each event goes to one of
    them. What arrives and is neither acked nor nacked when its taker dies comes to another. Events may
    come twice, and in any order; patterns may let through more than they say: receivers compare again.
    Subscriptions begin when they are made: earlier events do not come. One that nobody served for a
    week may end, with what waits for it. Held by testing/contracts/exchange.

    Capabilities: `shared` (several processes; without it, events wait for nobody, and `emit` returns
    when those who subscribe here have acked), `durable` (what was confirmed survives the server's
    crash), `dead_letters` (what is rejected or buried is kept in the engine, too).
    """

    capabilities: frozenset[str]

    async def open(self) -> None:
        """Connect. Idempotent. A server that is not there is waited for in the background."""
        ...

    async def close(self) -> None:
        """Let go; what was received and not settled goes to others. Idempotent."""
        ...

    async def emit(self, envelope: Envelope) -> None:
        """Return when the server has confirmed the event. Raises BrokerFault when it has not.

        It waits for a server that is gone for seconds at most. After a fault the event may have arrived
        all the same: emit it again, with its id.
        """
        ...

    async def subscribe(self, name: str, patterns: Sequence[str]) -> None:
        """Serve a subscription from now on: make it if it is not there, let it want these, too.

        When the server is gone it is told later. May be repeated, with other patterns.
        """
        ...

    async def leave(self, name: str) -> None:
        """Serve a subscription no more; it stays, for others or for later. Idempotent."""
        ...

    async def receive(self, limit: int) -> list[Arrival]:
        """Wait for events of what is served; return at most `limit`, none once it is closed.

        A receiver that is cancelled loses nothing.
        """
        ...

    async def bury(self, subscription: str, envelope: Envelope, tries: int, error: str) -> None:
        """Leave a copy of what could not be dealt with in the engine, where it keeps such."""
        ...
