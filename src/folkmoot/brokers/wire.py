"""What one kind of server must be able to do for us. Everything else is in remote.py, the same for all.

A wire holds no truth about the outage: any exception out of it says that the connection is not to be
trusted any more, and is followed by `leave` and, again and again, `join`. Calls of one kind come one
at a time; `say`, `fetch` and `follow` may be under way at the same time.
"""

from collections.abc import Sequence
from typing import Protocol

from folkmoot.brokers.words import Taken, Word
from folkmoot.core.events import Event

FETCH_S = 2.0
"""How long a fetch waits on the server's side for an announcement."""


class Ears(Protocol):
    """Where a wire brings what it hears."""

    def hear(self, event: Event, pattern: str | None = None) -> None:
        """Take an event in: from the subscription of one pattern, or (None) once for all patterns."""
        ...

    def broken(self, fault: BaseException) -> None:
        """Say that the connection ended without being asked."""
        ...

    def surplus(self, taken: Taken) -> None:
        """Give back what was handed over while nobody fetched."""
        ...

    def emptied(self) -> None:
        """Say that the server has lost what it carried."""
        ...


class Wire(Protocol):
    """The protocol of one kind of server."""

    capabilities: frozenset[str]
    refusals: tuple[type[BaseException], ...]
    """Faults of `join` that waiting does not cure: a wrong password, a missing database."""

    async def join(self, ears: Ears) -> None:
        """Connect anew and make what we need there. Nothing of an earlier connection is in use."""
        ...

    async def leave(self) -> None:
        """Let go, quickly, of whatever there is of a connection. Idempotent; does not raise."""
        ...

    async def say(self, words: Sequence[Word]) -> None:
        """Say these in their order; return when the server has them (events: when they are sent)."""
        ...

    async def fetch(self, queue: str, limit: int) -> list[Taken]:
        """Take what is there, urgent first, at most `limit`; wait up to FETCH_S if there is nothing."""
        ...

    async def rest(self) -> None:
        """Fetch no more: what the server still has in mind for us goes to others. Then comes `leave`."""
        ...

    async def follow(self, patterns: Sequence[str]) -> None:
        """Hear these, too. They are in force on return. None of them is followed already."""
        ...

    async def unfollow(self, patterns: Sequence[str]) -> None:
        """Hear these no more."""
        ...

    async def beat(self) -> None:
        """Keep leases, give back what dead takers held. Called about once a second while connected."""
        ...
