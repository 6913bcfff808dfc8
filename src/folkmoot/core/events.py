"""Events: hints to whoever listens. They may be lost or repeated; the journal is the truth.

Topics are words joined by dots; a pattern may use `*` for one word and `#` for any number.
`run.<id>.entry` (an entry is durable), `run.<id>.delta` (a piece of text as the model says it),
`run.<id>.signal` (somebody said something to the run), `run.<id>.state`.
"""

from functools import lru_cache

import msgspec


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something happened. `body` is JSON."""

    topic: str
    body: bytes = b"{}"


@lru_cache(maxsize=1024)
def _words(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split("."))


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic fits a pattern, word by word."""
    return _fits(_words(pattern), tuple(topic.split(".")))


def _fits(pattern: tuple[str, ...], topic: tuple[str, ...]) -> bool:
    if not pattern:
        return not topic
    first, rest = pattern[0], pattern[1:]
    if first == "#":
        return any(_fits(rest, topic[n:]) for n in range(len(topic) + 1))
    return bool(topic) and first in {"*", topic[0]} and _fits(rest, topic[1:])
