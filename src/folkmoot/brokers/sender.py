"""Says words to the server, in order, many in one go: what comes while one batch is under way is the next.

Two ways in. `say` returns when the server has the word, or when it was given up: it waits for a server
that is gone no longer than PATIENCE_S after the outage began. `toss` does not wait, unless very much
waits already, and then not long: the oldest events are lost (`overflown`), the newest say most. What
was tossed is lost with the connection.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

from folkmoot.brokers.link import PATIENCE_S, Link, uncut
from folkmoot.brokers.words import Done, Word
from folkmoot.core.events import Event

_BATCH = 500
_MUCH = 2000
_STALL_S = 0.05

_TRIES = 3
"""A word that ends every connection must not do so for ever."""


class _Item:
    """A word, and who waits for it."""

    __slots__ = ("done", "tries", "word")

    def __init__(self, word: Word, done: "asyncio.Future[None] | None" = None) -> None:
        self.word = word
        self.done = done
        self.tries = 0

    def end(self) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_result(None)


class Sender:
    """The outgoing side of a connection."""

    def __init__(self, link: Link, say: Callable[[Sequence[Word]], Awaitable[None]]) -> None:
        """`say` is the wire's."""
        self._link = link
        self._say = say
        self._waiting: deque[_Item] = deque()
        self._task: asyncio.Task[None] | None = None
        self._less = asyncio.Event()
        self.overflown = 0

    async def say(self, word: Word) -> None:
        """Say a word and wait until the server has it or it was given up."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._add(_Item(word, done))
        await done

    async def toss(self, word: Word) -> None:
        """Say a word without waiting."""
        if not self._link.up:
            self._lose(word)
            return
        self._add(_Item(word))
        if len(self._waiting) > _MUCH:
            await self._relieve()

    def add(self, word: Word) -> None:
        """Say a word without waiting, however much waits already."""
        if self._link.up:
            self._add(_Item(word))

    async def flush(self) -> None:
        """Wait until all that was given before is said or given up."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _relieve(self) -> None:
        """Wait a little for the server; then lose the older half of the events."""
        self._less.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STALL_S):
                await self._less.wait()
        surplus = len(self._waiting) - _MUCH // 2
        if surplus <= 0 or not self._link.up:
            return
        kept: deque[_Item] = deque()
        for item in self._waiting:
            if surplus > 0 and isinstance(item.word, Event):
                surplus -= 1
                self.overflown += 1
            else:
                kept.append(item)
        # The task that says them holds this very deque.
        self._waiting.clear()
        self._waiting.extend(kept)

    def _add(self, item: _Item) -> None:
        self._waiting.append(item)
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="folkmoot-broker-say")

    async def _work(self) -> None:
        """Say what waits until nothing does. Ends within PATIENCE_S of an outage."""
        while self._waiting:
            if not await self._link.reached():
                self._give_up(self._waiting)
                self._waiting.clear()
                break
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            await self._send(batch)
            if len(self._waiting) < _MUCH // 2:
                self._less.set()
        self._task = None
        self._less.set()

    async def _send(self, batch: list[_Item]) -> None:
        born = self._link.generation
        try:
            async with asyncio.timeout(PATIENCE_S):
                await uncut(self._say([item.word for item in batch]))
        except Exception as fault:  # noqa: BLE001 - whatever it is, the connection is not to be trusted
            self._link.broken(fault, born)
            for item in batch:
                item.tries += 1
            again = [x for x in batch if x.done is not None and x.tries < _TRIES]
            self._give_up([x for x in batch if x not in again])
            self._waiting.extendleft(reversed(again))
        else:
            for item in batch:
                item.end()

    def _give_up(self, items: Iterable[_Item]) -> None:
        for item in items:
            self._lose(item.word)
            item.end()

    def _lose(self, word: Word) -> None:
        if not isinstance(word, Done):
            self._link.dropped += 1
