"""What is said together travels together: a message costs more than all that is in it.

An announcement alone is a message with the run's id as text; several are one with a JSON list of ids
(`application/json`). A hint alone is a message under its topic; several in a row whose topics end in the
same word are one under `many.<word>` (`application/msgpack`: a list of topic and body). What was taken
out of one message is done with when all of it is; what goes back of it goes back by itself.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec
from aio_pika.abc import AbstractIncomingMessage

from folkmoot.core.events import Event

MOST = 8
"""Announcements in one message: they all go to one worker."""
_HINTS = 64
_LARGE, _LONG = 2_000, 50
"""Bytes of a body, characters of a topic's last word, up to which hints travel together."""
JSON, MSGPACK = "application/json", "application/msgpack"
_WILD = frozenset({"*", "#"})
_ids = msgspec.json.Decoder(list[str])
_hints = msgspec.msgpack.Decoder(list[tuple[str, bytes]])


class Bundle:
    """A message, and how much of it is still to be dealt with."""

    __slots__ = ("left", "message", "size")

    def __init__(self, message: AbstractIncomingMessage, size: int) -> None:
        """All of it."""
        self.message = message
        self.size = self.left = size

    def finish(self) -> bool:
        """Deal with one; return whether it was the last."""
        self.left -= 1
        return self.left == 0


def runs_in(message: AbstractIncomingMessage) -> list[str]:
    """Return the runs that a message announces; none when it cannot be read."""
    try:
        return (
            _ids.decode(message.body) if message.content_type == JSON else [message.body.decode()]
        )
    except (UnicodeDecodeError, msgspec.MsgspecError):
        return []


def announcement(runs: Sequence[str]) -> tuple[bytes, str | None]:
    """Return body and content type of a message that announces runs."""
    if len(runs) == 1:
        return runs[0].encode(), None
    return msgspec.json.encode(runs), JSON


def hints(events: Sequence[Event]) -> Iterator[tuple[str, bytes, str]]:
    """Yield topic, body and content type of the messages that tell events, in their order."""
    for word, group in groupby(events, _word):
        alike = list(group)
        for at in range(0, len(alike), _HINTS):
            part = alike[at : at + _HINTS]
            if word and len(part) > 1:
                pairs = [(event.topic, event.body) for event in part]
                yield f"many.{word}", msgspec.msgpack.encode(pairs), MSGPACK
            else:
                yield from ((event.topic, event.body, JSON) for event in part)


def events_in(message: AbstractIncomingMessage) -> list[Event]:
    """Return the events that a message tells; none when it cannot be read."""
    if message.content_type != MSGPACK:
        return [Event(message.routing_key or "", message.body)]
    try:
        return [Event(topic, body) for topic, body in _hints.decode(message.body)]
    except msgspec.MsgspecError:
        return []


def common(pattern: str) -> str:
    """Return under which key a pattern's events come when several travel together.

    >>> common("run.*.state"), common("run.x.*"), common("#")
    ('many.state', 'many.*', 'many.*')
    """
    word = pattern.rpartition(".")[2]
    return "many.*" if word in _WILD else f"many.{word}"


def _word(event: Event) -> str:
    """Return the topic's last word; "" for what travels alone."""
    word = event.topic.rpartition(".")[2]
    return word if len(event.body) <= _LARGE and len(word) <= _LONG else ""
