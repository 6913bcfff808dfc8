"""What one kind of server must be able to do for events. The rest is in exchange.py, the same for all.

As with wire.py: any exception says that the connection is not to be trusted any more, and is followed by
`leave` and, again and again, `join`; then comes `attend` for each subscription. `say`, `fetch` and `attend`
may be under way at the same time, each of them once.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from folkmoot.core.envelope import Envelope

WEEK_S = 7 * 86_400
"""How long a subscription lives that nobody serves."""


class Come(msgspec.Struct, frozen=True):
    """An event that is ours until it is settled; `mark` is the wire's own."""

    subscription: str
    topic: str
    body: bytes
    mark: Any


class Settled(msgspec.Struct, frozen=True):
    """What becomes of something that came: it is done, goes back, or is dead."""

    come: Come
    how: Literal["done", "back", "dead"]


class Buried(msgspec.Struct, frozen=True):
    """A copy of what could not be dealt with, for engines that keep such."""

    subscription: str
    envelope: Envelope
    tries: int
    error: str


Word: TypeAlias = Envelope | Settled | Buried


class EventEars(Protocol):
    """Where a wire says what it notices by itself."""

    def broken(self, fault: BaseException) -> None:
        """Say that the connection ended without being asked."""
        ...


class EventWire(Protocol):
    """The protocol of one kind of server."""

    capabilities: frozenset[str]
    refusals: tuple[type[BaseException], ...]
    """Faults of `join` that waiting does not cure."""

    async def join(self, ears: EventEars) -> None:
        """Connect anew and make what we need there. Nothing of an earlier connection is in use."""
        ...

    async def leave(self) -> None:
        """Let go, quickly, of whatever there is of a connection. Idempotent; does not raise."""
        ...

    async def attend(self, name: str, patterns: Sequence[str]) -> None:
        """Make a subscription, or add patterns to it; what comes for it comes to `fetch`."""
        ...

    async def forsake(self, name: str) -> None:
        """Fetch no more for a subscription; what came and was not fetched goes back."""
        ...

    async def say(self, words: Sequence[Word]) -> None:
        """Say these; return when the server has confirmed the events among them."""
        ...

    async def fetch(self, limit: int) -> list[Come]:
        """Take what is there, at most `limit`; wait for about FETCH_S if there is nothing."""
        ...

    async def beat(self) -> None:
        """Keep leases and subscriptions, take over what dead takers held. About once a second."""
        ...
