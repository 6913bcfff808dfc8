"""Who hears which topic, within one process.

A pattern without wildcards is found by its topic; one with wildcards by its head, the words before
the first wildcard. So publishing costs the same however many others listen to other runs.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import takewhile

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


class Topics:
    """All listeners, by what they listen to."""

    def __init__(self) -> None:
        """Start with nobody listening."""
        self._exact: dict[str, _Listeners] = {}
        self._wild: dict[str, dict[str, _Listeners]] = {}

    def add(self, listener: Listener, patterns: Sequence[str]) -> None:
        """Let a listener hear what fits one of the patterns, each event once."""
        for pattern in patterns:
            self._places(pattern).setdefault(pattern, {})[listener] = None

    def remove(self, listener: Listener, patterns: Sequence[str]) -> None:
        """Forget a listener. Idempotent."""
        for pattern in patterns:
            places = self._places(pattern)
            places.get(pattern, {}).pop(listener, None)
            if not places.get(pattern):
                places.pop(pattern, None)
            if not places and places is not self._exact:
                del self._wild[_head(pattern)]

    def publish(self, event: Event) -> None:
        """Tell everybody whom it concerns."""
        if self._wild:
            for listener in self._fitting(event.topic):
                listener.hear(event)
        elif self._exact:
            for listener in self._exact.get(event.topic, ()):
                listener.hear(event)

    def heard(self, topic: str) -> bool:
        """Whether somebody listens to a topic."""
        return topic in self._exact or bool(self._wild and self._fitting(topic))

    def close(self) -> None:
        """Close every listener and forget it."""
        wild = [listeners for places in self._wild.values() for listeners in places.values()]
        for listeners in [*self._exact.values(), *wild]:
            for listener in listeners:
                listener.close()
        self._exact.clear()
        self._wild.clear()

    def _places(self, pattern: str) -> dict[str, _Listeners]:
        """Return where a pattern's listeners are kept."""
        if _WILD.isdisjoint(pattern.split(".")):
            return self._exact
        return self._wild.setdefault(_head(pattern), {})

    def _fitting(self, topic: str) -> _Listeners:
        fitting = dict(self._exact.get(topic, {}))
        for head in _heads(topic):
            for pattern, listeners in self._wild.get(head, {}).items():
                if matches(pattern, topic):
                    fitting |= listeners
        return fitting


def _head(pattern: str) -> str:
    """Return the words before the first wildcard."""
    return ".".join(takewhile(lambda word: word not in _WILD, pattern.split(".")))


def _heads(topic: str) -> Iterator[str]:
    """Yield every head that a fitting pattern may have: none of the topic's words up to all."""
    yield ""
    end = topic.find(".")
    while end >= 0:
        yield topic[:end]
        end = topic.find(".", end + 1)
    yield topic
