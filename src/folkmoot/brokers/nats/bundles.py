"""How what is said together looks in JetStream and on subjects (brokers/together.py).

    <prefix>folkmoot.work.<queue>.<priority>.<run>            one announcement; the body is the run's id
    <prefix>folkmoot.work.<queue>.<priority>.%many-<digest>   several; the body is a JSON list of ids
    <prefix>folkmoot.events.<topic>                           one hint
    <prefix>folkmoot.many.<word>                              several whose topics end in that word: msgpack,
                                                              a mark and a list of topic and body

All announcements of a message go to one taker, so what is said at once is divided: in halves at least,
MOST in one at most. A message is done with when all of it is. If all of it goes back it goes back as it
is, else what goes back is announced anew, divided again. No run's subject begins like that of several:
`%ma` is no escape.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2s
from typing import NamedTuple

import msgspec

from folkmoot.brokers.nats.subjects import word
from folkmoot.brokers.together import Bundle, common
from folkmoot.brokers.words import Back, Put
from folkmoot.core.events import Event

MOST = 8
_SPREAD = 2
_SEVERAL = "%many-"
_ids = msgspec.json.Decoder(list[str])
_hints = msgspec.msgpack.Decoder(tuple[str, list[tuple[str, bytes]]])


class Announcement(NamedTuple):
    """What is to be published: the subject after `work.`, the body, the Nats-Msg-Id."""

    name: str
    body: bytes
    mark: str


def announcements(puts: Sequence[Put]) -> Iterator[Announcement]:
    """Yield the messages that announce runs; those of one queue and priority keep their order."""
    lines: dict[tuple[str, str], list[Put]] = {}
    for put in puts:
        lines.setdefault((put.queue, put.priority), []).append(put)
    for line in lines.values():
        for part in parts(line):
            yield _single(part[0]) if len(part) == 1 else _several(part)


def parts(puts: Sequence[Put]) -> Iterator[Sequence[Put]]:
    """Divide what is announced at once among messages."""
    size = max(1, min(MOST, len(puts) // _SPREAD))
    return (puts[at : at + size] for at in range(0, len(puts), size))


def divided(backs: Sequence[Back]) -> tuple[list[Bundle[str]], list[Back]]:
    """Return the messages that go back as they are, and what is to be announced anew.

    A message of which nothing is left is one that we gave back before without hearing an answer.
    """
    counted = Counter(back.taken.mark for back in backs)
    whole = dict.fromkeys(x for x, n in counted.items() if x.left == 0 or x.left == x.size == n)
    for bundle in whole:
        bundle.left = 0
    return list(whole), [back for back in backs if back.taken.mark not in whole]


def anew(back: Back) -> Put:
    """Return the announcement, again, of what goes back of a message of several."""
    taken = back.taken
    return Put(taken.queue, taken.run, taken.priority, f"{taken.mark.message}/{word(taken.run)}")


def runs_in(subject: str, body: bytes) -> list[str]:
    """Return the runs that a message announces; none when it cannot be read."""
    try:
        if subject.rpartition(".")[2].startswith(_SEVERAL):
            return _ids.decode(body)
        return [body.decode()]
    except (UnicodeDecodeError, msgspec.MsgspecError):
        return []


def pack(mark: str, events: Sequence[Event]) -> bytes:
    """Return the body of a message of several hints; `mark` is no other message's."""
    return msgspec.msgpack.encode((mark, [(event.topic, event.body) for event in events]))


def unpack(body: bytes) -> tuple[str, list[Event]]:
    """Return the mark and the hints of a message of several; none when it cannot be read."""
    try:
        mark, pairs = _hints.decode(body)
    except msgspec.MsgspecError:
        return "", []
    return mark, [Event(topic, said) for topic, said in pairs]


def heard_in(pattern: str) -> str:
    """Return the word of the subject on which a pattern's hints come when several travel together.

    >>> heard_in("run.*.state"), heard_in("run.x.*"), heard_in("a.b c")
    ('state', '*', 'b%20c')
    """
    last = common(pattern)
    return last if last == "*" else word(last)


def _single(put: Put) -> Announcement:
    return Announcement(_name(put, word(put.run)), put.run.encode(), put.mark)


def _several(puts: Sequence[Put]) -> Announcement:
    """Return one message for all. The same mark is the same runs, however often they are said."""
    digest = blake2s(" ".join(put.mark for put in puts).encode(), digest_size=12).hexdigest()
    body = msgspec.json.encode([put.run for put in puts])
    return Announcement(_name(puts[0], f"{_SEVERAL}{digest}"), body, digest)


def _name(put: Put, last: str) -> str:
    return f"{word(put.queue)}.{put.priority}.{last}"
