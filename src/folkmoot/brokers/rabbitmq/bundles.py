"""How what is said together looks in RabbitMQ (brokers/together.py).

An announcement alone is a message with the run's id as text; several are one with a JSON list of ids
(`application/json`). A hint alone is a message under its topic; several in a row whose topics end in the
same word are one under `many.<word>` (`application/msgpack`: a list of topic and body). What was taken
out of one message is done with when all of it is; what goes back of it goes back by itself.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from aiormq.abc import DeliveredMessage

from folkmoot.brokers.together import common, gathered
from folkmoot.core.events import Event

_FEW, _MANY, _SPREAD = 8, 32, 16
"""Announcements in one message, which all go to one worker: up to 8; of what is said at once a sixteenth,
up to 32, so that also much of it finds many workers."""
JSON, MSGPACK = "application/json", "application/msgpack"
_ids = msgspec.json.Decoder(list[str])
_hints = msgspec.msgpack.Decoder(list[tuple[str, bytes]])


class Mail(NamedTuple):
    """What there is to read in a message."""

    body: bytes
    content_type: str | None
    routing_key: str | None

    @classmethod
    def of(cls, message: DeliveredMessage) -> "Mail":
        """Return it of a message that came."""
        return cls(message.body, message.header.properties.content_type, message.routing_key)


def runs_in(message: Mail) -> list[str]:
    """Return the runs that a message announces; none when it cannot be read."""
    try:
        return (
            _ids.decode(message.body) if message.content_type == JSON else [message.body.decode()]
        )
    except (UnicodeDecodeError, msgspec.MsgspecError):
        return []


def parts(runs: Sequence[str]) -> Iterator[Sequence[str]]:
    """Divide what is announced at once among messages.

    >>> [len(part) for part in parts(["run"] * 20)], len(list(parts(["run"] * 500)))
    ([8, 8, 4], 17)
    """
    size = max(_FEW, min(_MANY, len(runs) // _SPREAD))
    return (runs[at : at + size] for at in range(0, len(runs), size))


def announcement(runs: Sequence[str]) -> tuple[bytes, str | None]:
    """Return body and content type of a message that announces runs."""
    if len(runs) == 1:
        return runs[0].encode(), None
    return msgspec.json.encode(runs), JSON


def hints(events: Sequence[Event]) -> Iterator[tuple[str, bytes, str]]:
    """Yield topic, body and content type of the messages that tell events, in their order."""
    for word, part in gathered(events):
        if len(part) > 1:
            pairs = [(event.topic, event.body) for event in part]
            yield f"many.{word}", msgspec.msgpack.encode(pairs), MSGPACK
        else:
            yield from ((event.topic, event.body, JSON) for event in part)


def events_in(message: Mail) -> list[Event]:
    """Return the events that a message tells; none when it cannot be read."""
    if message.content_type != MSGPACK:
        return [Event(message.routing_key or "", message.body)]
    try:
        return [Event(topic, body) for topic, body in _hints.decode(message.body)]
    except msgspec.MsgspecError:
        return []


def heard_in(pattern: str) -> str:
    """Return the key under which a pattern's hints come when several travel together.

    >>> heard_in("run.*.state"), heard_in("run.x.*"), heard_in("#")
    ('many.state', 'many.*', 'many.*')
    """
    return f"many.{common(pattern)}"
