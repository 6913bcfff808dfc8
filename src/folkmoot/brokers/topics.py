"""Who hears which topic, within one process.

Every step of every run is published, so publishing must cost the same however many listen to other
runs: patterns are found by their plain words, and only the few that are found so are compared.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import chain, takewhile

from folkmoot.core.events import Event, matches

_WILD = frozenset({"*", "#"})


class Listener:
    """An endless iterator over what was heard, until it is closed. The oldest is lost first."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` events that nobody has taken."""
        self._heard: deque[Event] = deque(maxlen=limit)
        self._news = asyncio.Event()
        self._closed = False

    def hear(self, event: Event) -> None:
        """Take an event in, and push out the oldest if there is no room: the newest says most."""
        self._heard.append(event)
        self._news.set()

    def close(self) -> None:
        """End the iteration when what was heard so far is taken."""
        self._closed = True
        self._news.set()

    def __aiter__(self) -> "Listener":
        """Return itself."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event; wait for it."""
        while not self._heard:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._heard.popleft()


_Listeners = dict[Listener, None]
_Patterns = dict[str, _Listeners]
_NOBODY: _Listeners = {}


class Topics:
    """All listeners, by what they listen to.

    `exact`: by the topic. `tails`: patterns whose last word is plain (`run.*.signal`), by that word.
    `heads`: patterns that end in a wildcard (`run.x.*`), by their first word (most topics begin with
    another one), then by all their words before the first wildcard.
    """

    def __init__(self) -> None:
        """Start with nobody listening."""
        self._exact: _Patterns = {}
        self._tails: dict[str, _Patterns] = {}
        self._heads: dict[str, dict[str, _Patterns]] = {}

    def add(self, listener: Listener, patterns: Sequence[str]) -> None:
        """Let a listener hear what fits one of the patterns, each event once."""
        for pattern in patterns:
            index, key = self._place(pattern)
            places = self._exact if index is None else index.setdefault(key, {})
            places.setdefault(pattern, {})[listener] = None

    def remove(self, listener: Listener, patterns: Sequence[str]) -> None:
        """Forget a listener. Idempotent."""
        for pattern in patterns:
            index, key = self._place(pattern)
            places = self._exact if index is None else index.get(key, {})
            places.get(pattern, {}).pop(listener, None)
            if not places.get(pattern):
                places.pop(pattern, None)
            if index is not None and not places:
                index.pop(key, None)
                self._tidy(key)

    def publish(self, event: Event) -> None:
        """Tell everybody whom it concerns."""
        for listener in self._fitting(event.topic):
            listener.hear(event)

    def heard(self, topic: str) -> bool:
        """Whether somebody listens to a topic."""
        return bool(self._fitting(topic))

    def close(self) -> None:
        """Close every listener and forget it."""
        heads = chain.from_iterable(index.values() for index in self._heads.values())
        for places in [self._exact, *self._tails.values(), *heads]:
            for listeners in places.values():
                for listener in listeners:
                    listener.close()
        self._exact.clear()
        self._tails.clear()
        self._heads.clear()

    def _place(self, pattern: str) -> tuple[dict[str, _Patterns] | None, str]:
        """Return where a pattern with wildcards is kept; (None, "") for one without."""
        words = pattern.split(".")
        if _WILD.isdisjoint(words):
            return None, ""
        if words[-1] in _WILD:
            plain = list(takewhile(lambda word: word not in _WILD, words))
            return self._heads.setdefault(plain[0] if plain else "", {}), ".".join(plain)
        return self._tails, words[-1]

    def _tidy(self, key: str) -> None:
        """Forget a first word that no pattern has any more."""
        first = key.partition(".")[0]
        if not self._heads.get(first, True):
            del self._heads[first]

    def _fitting(self, topic: str) -> _Listeners:
        found = self._exact.get(topic, _NOBODY)
        if self._tails and (tail := self._tails.get(topic[topic.rfind(".") + 1 :])):
            found = _more(found, tail, topic)
        if self._heads:
            if "" in self._heads:
                found = _more(found, self._heads[""][""], topic)
            end = topic.find(".")
            if near := self._heads.get(topic if end < 0 else topic[:end]):
                found = _among(found, near, topic, end)
        return found


def _among(found: _Listeners, heads: dict[str, _Patterns], topic: str, end: int) -> _Listeners:
    """Return `found` and whom the heads name; `end` is where the topic's first word ends, -1 for never."""
    if whole := heads.get(topic):
        found = _more(found, whole, topic)
    while end >= 0:
        if patterns := heads.get(topic[:end]):
            found = _more(found, patterns, topic)
        end = topic.find(".", end + 1)
    return found


def _more(found: _Listeners, patterns: _Patterns, topic: str) -> _Listeners:
    """Return `found` and the listeners of the patterns that fit."""
    for pattern, listeners in patterns.items():
        if matches(pattern, topic):
            found = found | listeners
    return found
