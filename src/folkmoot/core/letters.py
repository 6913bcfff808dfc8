"""Letters: events as the store keeps them, for one subscription each, until they have become a run.

A letter is a record of the kind `event`, its key `<subscription>/<event_id>`, so that an event that is
received again is the same letter. What could not be dealt with becomes a record of the kind `dead`.
"""

import msgspec

from folkmoot.core.envelope import Envelope
from folkmoot.core.errors import Invalid

EVENT = "event"
DEAD = "dead"
TOPIC = "event:"
"""Of an outbox item whose body is an event that goes out."""


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event for a subscription, and what became of it so far. Times are ms since 1970 (UTC).

    `event` is None for what could not be read: `raw` shows it then. `topic` is what it was published
    under. `tries` counts each beginning, also of those whose end nobody saw.
    """

    subscription: str
    id: str
    event: Envelope | None = None
    topic: str = ""
    raw: str = ""
    tries: int = 0
    first_at: int = 0
    last_at: int = 0
    error: str = ""

    @property
    def key(self) -> str:
        """Return the key of its record, and of its run in the inbox."""
        return f"{self.subscription}/{self.id}"


def write(letter: Letter) -> bytes:
    """Return a letter as the store keeps it."""
    return msgspec.json.encode(letter)


def read(body: bytes) -> Letter:
    """Return a letter that the store has kept. Raises Invalid."""
    try:
        return msgspec.json.decode(body, type=Letter)
    except msgspec.DecodeError as fault:
        raise Invalid(f"A kept event cannot be read: {fault}.") from None
