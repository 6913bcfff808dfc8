"""Those who listen in this process, and what the server is told for them.

Each pattern is followed once, however many listen to it. One task makes what is followed equal to what
is wanted; what changes while it is at work goes into its next round.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

from folkmoot.brokers.link import PATIENCE_S, Link, uncut
from folkmoot.brokers.topics import Listener, Topics
from folkmoot.brokers.wire import Wire
from folkmoot.core.events import Event, matches

_Listeners = dict[Listener, tuple[str, ...]]


class Feed:
    """Brings events from the server to listeners."""

    def __init__(self, link: Link, wire: Wire) -> None:
        """Start with nobody listening."""
        self._link = link
        self._wire = wire
        self._topics = Topics()
        self._listeners: dict[str, _Listeners] = {}
        self._wanted: Counter[str] = Counter()
        self._followed: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def hear(self, event: Event, pattern: str | None = None) -> None:
        """Bring an event to those whom it concerns, each once.

        What comes from the subscription of a pattern goes to those for whom that pattern is the
        first that fits: so overlapping patterns bring nobody an event twice.
        """
        if pattern is None:
            self._topics.publish(event)
            return
        for listener, patterns in self._listeners.get(pattern, {}).items():
            # Most listeners have one pattern, and for these there is nothing to compare.
            if len(patterns) == 1 or pattern == _first(patterns, event.topic):
                listener.hear(event)

    async def add(self, listener: Listener, patterns: tuple[str, ...]) -> None:
        """Let a listener hear; return when the server knows, or cannot be reached for a while."""
        self._topics.add(listener, patterns)
        for pattern in patterns:
            self._listeners.setdefault(pattern, {})[listener] = patterns
        self._wanted.update(set(patterns))
        while self._link.up and not self._followed.issuperset(patterns):
            await asyncio.shield(self._settle())

    def remove(self, listener: Listener, patterns: tuple[str, ...]) -> None:
        """Forget a listener. Idempotent."""
        self._topics.remove(listener, patterns)
        for pattern in set(patterns):
            there = self._listeners.get(pattern, {})
            if there.pop(listener, None) is None:
                continue
            self._wanted[pattern] -= 1
            if not there:
                del self._listeners[pattern]
                del self._wanted[pattern]
        if self._link.up and not self._followed <= self._wanted.keys():
            self._settle()

    async def again(self) -> None:
        """Tell a new connection what is wanted."""
        self._followed = set()
        # Somebody may begin to listen while the server is being told.
        while more := self._wanted.keys() - self._followed:
            self._followed |= more
            await self._wire.follow(sorted(more))

    async def close(self) -> None:
        """End all listeners."""
        self._topics.close()
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.close()
        self._listeners.clear()
        self._wanted.clear()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._followed.clear()

    def _settle(self) -> "asyncio.Task[None]":
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="folkmoot-broker-follow")
        return self._task

    async def _work(self) -> None:
        while self._link.up and self._followed != self._wanted.keys():
            born = self._link.generation
            more = sorted(self._wanted.keys() - self._followed)
            less = sorted(self._followed - self._wanted.keys())
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await uncut(self._change(more, less))
            except Exception as fault:  # noqa: BLE001 - whatever it is, the connection is not to be trusted
                self._link.broken(fault, born)
                break
            if born == self._link.generation:
                self._followed = (self._followed | set(more)) - set(less)
        self._task = None

    async def _change(self, more: Sequence[str], less: Sequence[str]) -> None:
        if more:
            await self._wire.follow(more)
        if less:
            await self._wire.unfollow(less)


def _first(patterns: Sequence[str], topic: str) -> str | None:
    return next((pattern for pattern in patterns if matches(pattern, topic)), None)
