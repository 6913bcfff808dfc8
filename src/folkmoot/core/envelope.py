"""Envelopes: events that agents may be started by. Carried at least once, unlike hints (events.py).

An event has a type of words joined by dots (`orders.eu.created`), which patterns fit word by word:
`*` is one word, `#` any number. Its id makes a repetition the same event. Where an engine routes by a
key, that is `<event_type>.<priority>`.

What comes from outside is decoded strictly: every known field has its type. Fields that are not known
here are passed over, so that a newer sender reaches an older fleet.
"""

import json
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from folkmoot.core import moment
from folkmoot.core.errors import Invalid
from folkmoot.core.events import matches
from folkmoot.core.task import PRIORITIES

LARGEST = 900_000
"""Bytes of an envelope. NATS carries a million by default."""
MOST_HOPS = 16
"""Runs that may have come one out of the other by events: what goes on after that goes in a circle."""

_WORD = "[A-Za-z0-9_-]+"
_WISH = rf"({_WORD}|\*|#)"
ID = r"[A-Za-z0-9._:~+=@-]{1,128}"
TYPE = rf"{_WORD}(\.{_WORD})*"
WANTED = rf"{_WISH}(\.{_WISH})*"
"""What a pattern looks like. None of the three is anchored: `$` lets a line end through in Python."""

Id = Annotated[str, Meta(pattern=rf"^{ID}\Z")]
Type = Annotated[str, Meta(pattern=rf"^{TYPE}\Z", max_length=200)]
Name = Annotated[str, Meta(max_length=200)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Seconds = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0)]
Priority = Literal["critical", "high", "normal", "low"]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `payload` is what happened; all else says of what kind it is and where it is from.

    `timestamp` is RFC 3339; after `ttl_seconds` from then nobody need care any more. `hop_count`:
    through how many runs it has come.
    """

    event_id: Id
    event_type: Type
    timestamp: Annotated[str, Meta(max_length=40)]
    source_agent_id: Name | None = None
    source_service: Name | None = None
    trace_id: Name | None = None
    execution_id: Name | None = None
    parent_event_id: Name | None = None
    payload: dict[str, Any] = {}
    priority: Priority = "normal"
    ttl_seconds: Seconds | None = None
    retry_count: Count = 0
    max_retries: Count = 3
    hop_count: Count = 0

    @property
    def routing_key(self) -> str:
        """Return what engines route by."""
        return f"{self.event_type}.{self.priority}"

    def expires_at(self) -> int | None:
        """Return when it is too late for this event (ms since 1970); None is never."""
        if self.ttl_seconds is None:
            return None
        return moment.read(self.timestamp) + round(self.ttl_seconds * 1000)


FIELDS = Envelope.__struct_fields__
_decoder = msgspec.json.Decoder(Envelope)


def read(body: bytes) -> Envelope:
    """Return the event in these bytes. Raises Invalid."""
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Invalid(f"This is no event: {fault}.") from None
    moment.read(found.timestamp)
    return found


def write(envelope: Envelope) -> bytes:
    """Return an event as bytes."""
    return msgspec.json.encode(envelope)


def check(envelope: Envelope) -> Envelope:
    """Return an event if others will be able to read it. Raises Invalid."""
    try:
        body = write(envelope)
        json.dumps(msgspec.to_builtins(envelope), allow_nan=False)  # msgspec would write null
    except (TypeError, ValueError, OverflowError, RecursionError) as fault:  # what JSON has not
        raise Invalid(f"The event cannot be written: {fault}.", kept="Nothing.") from None
    if len(body) > LARGEST:
        raise Invalid(f"The event has {len(body)} bytes; {LARGEST} is the most.", kept="Nothing.")
    return read(body)


def topic(routing_key: str) -> str:
    """Return a routing key without the priority at its end."""
    head, _, tail = routing_key.rpartition(".")
    return head if head and tail in PRIORITIES else routing_key


def fits(pattern: str, envelope: Envelope, published: str = "") -> bool:
    """Whether a pattern wants an event: by its type, or by the topic under which it was published."""
    return matches(pattern, envelope.event_type) or bool(published and matches(pattern, published))


def name(*parts: object) -> str:
    """Return an id that follows from its parts, in the form of a UUID."""
    digest = sha256(msgspec.json.encode([str(part) for part in parts])).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
