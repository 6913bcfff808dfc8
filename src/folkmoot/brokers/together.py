"""What is said together travels together: a message costs more than all that is in it.

Shared by the brokers that make one message of several announcements or hints; how a message looks is
theirs. A message of several is done with when all of it is. Hints are divided by the last word of their
topics, for listeners ask by it: who wants `run.*.state` need not be sent a thousand entries.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Generic, TypeVar

from folkmoot.core.events import Event

_HINTS = 64
_LARGE, _LONG = 2_000, 50
"""Bytes of a body, characters of a topic's last word, up to which hints travel together."""
_WILD = frozenset({"*", "#"})
_M = TypeVar("_M")


class Bundle(Generic[_M]):
    """A message that came, as its broker knows it, and how much of it is still to be dealt with."""

    __slots__ = ("left", "message", "size")

    def __init__(self, message: _M, size: int) -> None:
        """All of it."""
        self.message = message
        self.size = self.left = size

    def finish(self) -> bool:
        """Deal with one; return whether it was the last."""
        self.left -= 1
        return self.left == 0


def gathered(events: Sequence[Event]) -> Iterator[tuple[str, list[Event]]]:
    """Divide hints among messages, in their order.

    Yields the last word of the topics, "" for a hint that travels alone, and the hints, several or one.
    """
    for last, group in groupby(events, _last):
        alike = list(group)
        size = _HINTS if last else 1
        yield from ((last, alike[at : at + size]) for at in range(0, len(alike), size))


def common(pattern: str) -> str:
    """Return the word under which a pattern's hints come when several travel together, `*` for any.

    >>> common("run.*.state"), common("run.x.*"), common("#")
    ('state', '*', '*')
    """
    last = pattern.rpartition(".")[2]
    return "*" if last in _WILD else last


def _last(event: Event) -> str:
    last = event.topic.rpartition(".")[2]
    return last if len(event.body) <= _LARGE and len(last) <= _LONG else ""
