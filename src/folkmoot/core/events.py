"""Events: hints to whoever listens. They may be lost or repeated; the journal is the truth.

Topics are words joined by dots; a pattern may use `*` for one word and `#` for any number.
`run.<id>.entry` (an entry is durable), `run.<id>.delta` (a piece of text as the model says it),
`run.<id>.signal` (somebody said something to the run), `run.<id>.state`.
"""

import re
from functools import lru_cache

import msgspec


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something happened. `body` is JSON."""

    topic: str
    body: bytes = b"{}"


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern; it is matched against the topic with a dot before its first word."""
    words = pattern.split(".")
    return re.compile(
        "".join(_WILD.get(word, rf"\.{re.escape(word)}") for word in words), re.DOTALL
    )


_WILD = {"*": r"\.[^.]+", "#": r"(?:\.[^.]+)*"}


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic fits a pattern, word by word."""
    return _compiled(pattern).fullmatch(f".{topic}") is not None
