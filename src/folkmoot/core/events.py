"""Hints to whoever listens. They may be lost or repeated; the journal is the truth.

What agents are started by is another thing, and never lost: the envelopes of core/envelope.py.

Topics are words joined by dots; a pattern may use `*` for one word and `#` for any number.
`run.<id>.entry` (an entry is durable), `run.<id>.delta` (a piece of text as the model says it),
`run.<id>.signal` (somebody said something to the run), `run.<id>.state` (its state has changed, and
entries that were written with that are durable), `rate.<provider>` (the provider refused a call).
"""

import msgspec

OUTBOX = "outbox.filled"
QUEUE_FILLED = "queue.filled"
"""Runs wait in the store for room in the broker's line: the relay need not wait for its time."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """A hint that something happened. `body` is JSON."""

    topic: str
    body: bytes = b"{}"


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic fits a pattern, word by word.

    Nothing is compiled and kept: patterns name runs, so there are as many as there are followers.
    """
    wanted, words = pattern.split("."), topic.split(".")
    if "#" in wanted:
        return _fits(wanted, words)
    if len(wanted) != len(words):
        return False
    for want, word in zip(wanted, words, strict=True):
        if want != word and (want != "*" or not word):
            return False
    return True


def _fits(wanted: list[str], words: list[str]) -> bool:
    """Match with `#`: when a word does not fit, the last `#` takes one word more."""
    at = place = after = taken = 0
    while place < len(words):
        want, word = wanted[at] if at < len(wanted) else None, words[place]
        if want == "#":
            at, after, taken = at + 1, at + 1, place
        elif want == word or (want == "*" and word):
            at, place = at + 1, place + 1
        elif after:
            taken += 1
            at, place = after, taken
        else:
            return False
    return all(want == "#" for want in wanted[at:])
