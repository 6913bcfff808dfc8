"""Events as notifications. A notification is text of less than 8000 bytes; a large event is several.

Each is a JSON list: [event's name, piece, pieces, topic, "t" or "b", text or base64]. The pieces of an
event are sent by one statement, so they arrive together and in order.
"""

from base64 import b64decode, b64encode

import msgspec

from folkmoot.core.events import Event

LIMIT = 7900
_RAW = 5400
_TOPIC = 400

_Piece = tuple[str, int, int, str, str, str]


def cut(name: str, event: Event) -> list[str]:
    """Return an event as notifications; none when its topic is too long."""
    if len(event.topic.encode()) > _TOPIC:
        return []
    if len(event.body) < LIMIT:
        try:
            text = msgspec.json.encode((name, 0, 1, event.topic, "t", event.body.decode()))
        except UnicodeDecodeError:
            text = b""
        if 0 < len(text) < LIMIT:
            return [text.decode()]
    raw = [event.body[at : at + _RAW] for at in range(0, len(event.body), _RAW)]
    return [
        msgspec.json.encode(
            (name, n, len(raw), event.topic, "b", b64encode(part).decode())
        ).decode()
        for n, part in enumerate(raw)
    ]


class Pieces:
    """Puts events together again."""

    def __init__(self) -> None:
        """Nothing is begun yet."""
        self._name = ""
        self._parts: list[bytes] = []

    def add(self, payload: str) -> Event | None:
        """Take a piece; return the event when it was the last."""
        name, piece, pieces, topic, kind, text = msgspec.json.decode(payload, type=_Piece)
        body = text.encode() if kind == "t" else b64decode(text)
        if pieces == 1:
            return Event(topic, body)
        if piece == 0:
            self._name, self._parts = name, []
        if name != self._name or piece != len(self._parts):
            return None  # we began to listen in the middle of it
        self._parts.append(body)
        return Event(topic, b"".join(self._parts)) if piece == pieces - 1 else None
