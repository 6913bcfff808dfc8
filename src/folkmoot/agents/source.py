"""A source: a place that agent files come from, read again and again."""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from folkmoot.agents.load import Loaded


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """What a reading is for: all files that are due; with `now` whatever is due or not.

    `agent`: only this agent's file need be looked at.
    """

    now: bool = False
    agent: str = ""


class Source(Protocol):
    """A place. A reading gives all of its agent files, each as an agent or as mistakes.

    Obligations: `first` needs no network, and may give what an earlier process saw. `read` may take
    seconds and never blocks the event loop; one reading at a time. It raises SourceFault when the
    place cannot be read; what it gave before is then as good as it was. What is not due, and a file
    that is as it was, may be given from memory; its agent is then the same object.
    """

    shown: str
    """The place as people write it, without what is secret."""

    def first(self) -> tuple[Loaded, ...]:
        """Return what can be had at once. Raises SourceFault."""
        ...

    async def read(self, want: Want) -> tuple[Loaded, ...]:
        """Return every agent file. Raises SourceFault."""
        ...

    def due_in(self) -> float:
        """Return the seconds after which `read` should be called again, hints or not."""
        ...

    def hints(self) -> AsyncIterator[None]:
        """Yield when something may have changed; hints may be missed, or mean nothing."""
        ...
