"""Motion. A broker carries run ids and hints; it may lose, repeat and reorder them."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from folkmoot.core.events import Event


class Delivery(Protocol):
    """One announced run. Exactly one of `ack` and `nack` is called; both may be repeated.

    The first word counts: what is said after it does nothing.
    """

    run: str
    priority: str

    async def ack(self) -> None:
        """It has been dealt with (claimed, or found gone)."""
        ...

    async def nack(self) -> None:
        """Give it to somebody else, soon."""
        ...


class Broker(Protocol):
    """Carries announcements to workers and events to listeners.

    Losing everything that is in a broker loses no work: the relay announces again what the store
    says is ready. `put` and `publish` must not wait for a consumer. `take` waits until there is at
    least one delivery; a delivery that is neither acked nor nacked when its taker dies comes back
    (where the broker can do that: capability `redelivers`). Urgent priorities are taken first; runs
    of one priority in the order of `put` where capability `ordered` is declared. Capability `shared`:
    several processes carry to each other. Held by testing/contracts/broker.

    A server that is gone is waited for: `take` waits until it is back, `put` and `nack` for a short
    time at most (seconds, once an outage), `publish` and `ack` not at all. What could not be said is
    dropped with a log line. A broker that knows that announcements may be lost (dropped here, or the
    server came back empty) says so by raising an attribute `losses: int`; the relay announces again
    then. Without the attribute the relay waits until it trusts announcements no more.
    """

    capabilities: frozenset[str]

    async def open(self) -> None:
        """Connect. Idempotent."""
        ...

    async def close(self) -> None:
        """Let go; takers and listeners end. Idempotent.

        From then on `take` returns an empty list at once, a listener's iteration ends, `put`,
        `publish`, `ack` and `nack` do nothing: nothing that matters is lost, and nothing raises.
        """
        ...

    async def put(self, queue: str, run: str, priority: str = "normal") -> None:
        """Announce a run."""
        ...

    async def take(self, queue: str, limit: int = 1) -> list[Delivery]:
        """Wait for announcements; return at least one and at most `limit` of them.

        A taker that is cancelled loses nothing. An empty list says that the broker is closed.
        """
        ...

    async def publish(self, event: Event) -> None:
        """Tell the listeners. Without listeners this costs next to nothing."""
        ...

    def heard(self, topic: str) -> bool:
        """Whether anybody may be listening to a topic; True when that cannot be known."""
        ...

    def listen(self, *patterns: str) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Hear events that fit one of the patterns from the moment the context is entered.

        A slow listener loses the oldest events it has not taken, never slows the publisher: the
        newest says most, and whoever reads the store after it has missed nothing. Waiting for the
        next event may be cancelled and begun again; no event is lost by that.
        """
        ...
