"""The broker inside one process: queues for takers, topics for listeners.

Everything happens on one event loop and nothing is polled: a taker waits on a future that `put`
resolves, a listener on one that `publish` resolves. A run that is in a queue already is not put in
twice, so that announcing again what nobody has taken yet does not make the queue grow.

States: closed ⇄ open. A closed broker carries nothing: `put` and `publish` drop what they are given,
`take` returns an empty list at once, listeners end when they have taken what they heard before.
Nothing that matters is lost with it: the store knows what is ready.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from folkmoot.brokers.topics import Listener, Topics
from folkmoot.core.events import Event
from folkmoot.core.task import PRIORITIES
from folkmoot.ports.broker import Delivery

BUFFER = 1000
"""Events that a listener may leave untaken; what comes then pushes out the oldest."""


class LocalDelivery:
    """A run that was taken from a queue."""

    def __init__(self, queue: "_Queue", run: str, priority: str) -> None:
        """Remember the queue: `nack` puts the run back there."""
        self.run = run
        self.priority = priority
        self._queue: _Queue | None = queue

    async def ack(self) -> None:
        """It has been dealt with."""
        self._queue = None

    async def nack(self) -> None:
        """Put it back. Only the first word counts: after an ack this does nothing."""
        queue, self._queue = self._queue, None
        if queue is not None:
            queue.put(self.run, self.priority)
            # Whoever waits goes first; and a loop of take and nack must not starve everything else.
            await asyncio.sleep(0)


class LocalBroker:
    """Motion within one process."""

    capabilities: frozenset[str] = frozenset({"ordered"})

    def __init__(self, buffer: int = BUFFER) -> None:
        """A listener keeps at most `buffer` events that it has not taken."""
        self._buffer = buffer
        self._queues: dict[str, _Queue] = {}
        self._topics = Topics()
        self._open = False

    async def open(self) -> None:
        """Begin to carry."""
        self._open = True

    async def close(self) -> None:
        """Let takers and listeners end."""
        self._open = False
        for queue in self._queues.values():
            queue.close()
        self._queues.clear()
        self._topics.close()

    async def put(self, queue: str, run: str, priority: str = "normal") -> None:
        """Announce a run, unless it is announced here already and nobody has taken it."""
        if self._open:
            self._queue(queue).put(run, priority)

    async def take(self, queue: str, limit: int = 1) -> list[Delivery]:
        """Wait for announcements; return at most `limit` of them, none once the broker is closed."""
        if not self._open:
            return []
        line = self._queue(queue)
        await line.filled()
        return [LocalDelivery(line, run, priority) for run, priority in line.pop(limit)]

    async def publish(self, event: Event) -> None:
        """Tell the listeners; never wait for them."""
        self._topics.publish(event)

    def heard(self, topic: str) -> bool:
        """Whether anybody listens to a topic now."""
        return self._topics.heard(topic)

    def listen(self, *patterns: str) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Hear events that fit one of the patterns from the moment the context is entered."""
        return self._listening(patterns)

    @asynccontextmanager
    async def _listening(self, patterns: tuple[str, ...]) -> AsyncIterator[AsyncIterator[Event]]:
        listener = Listener(self._buffer)
        if self._open:
            self._topics.add(listener, patterns)
        else:
            listener.close()
        try:
            yield listener
        finally:
            self._topics.remove(listener, patterns)
            listener.close()

    def _queue(self, name: str) -> "_Queue":
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = _Queue()
        return queue


class _Queue:
    """Announced runs, one line for each priority, and those who wait for them.

    Each `put` wakes one taker. A taker that was woken and cancelled before it ran passes the word on.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[str]] = {name: deque() for name in PRIORITIES}
        self._inside: set[str] = set()
        self._takers: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def put(self, run: str, priority: str) -> None:
        if run in self._inside:
            return
        self._inside.add(run)
        self._lines.get(priority, self._lines["normal"]).append(run)
        self._wake()

    def pop(self, limit: int) -> Iterator[tuple[str, str]]:
        for priority, line in self._lines.items():
            while line and limit > 0:
                run = line.popleft()
                self._inside.discard(run)
                limit -= 1
                yield run, priority

    async def filled(self) -> None:
        """Wait until there is something, or the end."""
        while not self._inside and not self._closed:
            taker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._takers.append(taker)
            try:
                await taker
            except asyncio.CancelledError:
                if taker in self._takers:
                    self._takers.remove(taker)
                elif self._inside:
                    self._wake()
                raise

    def close(self) -> None:
        self._closed = True
        self._inside.clear()
        for line in self._lines.values():
            line.clear()
        while self._takers:
            self._wake()

    def _wake(self) -> None:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                return
