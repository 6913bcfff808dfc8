"""What people and programs may ask about events: publish one, look after those that nobody could handle."""

from typing import Protocol

from folkmoot.core.envelope import Envelope
from folkmoot.core.letters import Letter


class EventDesk(Protocol):
    """The part of the desk (ports/desk.py) that is about events."""

    async def emit(self, envelope: Envelope) -> None:
        """Publish an event. It is durable when this returns, and on its way.

        The same id again is the same event: nothing more happens. Raises Invalid.
        """
        ...

    async def dead(self, after: str = "", limit: int = 100) -> list[Letter]:
        """List dead letters with a key (`<subscription>/<event id>`) behind `after`, in order of keys."""
        ...

    async def letter(self, key: str) -> Letter:
        """Return a dead letter. Raises LetterUnknown."""
        ...

    async def retry(self, key: str) -> None:
        """Have a dead letter tried again, from the beginning.

        Raises LetterUnknown, or WrongState for one that cannot even be read.
        """
        ...

    async def drop(self, key: str) -> None:
        """Forget a dead letter. Raises LetterUnknown."""
        ...
