"""Says words to the server and tells whether they were confirmed; many in one go.

What waits while one batch is under way is the next. A batch that fails ends the connection and is not
said again: who waits for an event of it hears of the fault and decides, all else is lost with it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from folkmoot.brokers.eventwire import Word
from folkmoot.brokers.link import PATIENCE_S, Link, Step, uncut
from folkmoot.core.errors import BrokerFault

_BATCH = 200
_Item = tuple[Word, "asyncio.Future[None] | None"]


class Confirmed:
    """A line of words."""

    def __init__(
        self, link: Link, say: Callable[[Sequence[Word]], Awaitable[None]], ready: Step
    ) -> None:
        """`say` returns when all that needs it is confirmed; `ready` comes before it."""
        self._link = link
        self._say = say
        self._ready = ready
        self._waiting: deque[_Item] = deque()
        self._task: asyncio.Task[None] | None = None

    async def say(self, word: Word) -> None:
        """Return when the word is confirmed. Raises BrokerFault."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._add((word, done))
        await done

    def toss(self, word: Word) -> None:
        """Say a word without waiting; it is lost when the server is gone."""
        if self._link.up:
            self._add((word, None))

    async def flush(self) -> None:
        """Wait until all that was given before is said or lost."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def close(self) -> None:
        """Say no more; who waits hears of it. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._fail(self._waiting, "The broker is closed.")
        self._waiting.clear()

    def _add(self, item: _Item) -> None:
        self._waiting.append(item)
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="folkmoot-events-say")

    async def _work(self) -> None:
        while self._waiting:
            if not await self._link.reached():
                self._fail(self._waiting, "The broker does not answer.")
                self._waiting.clear()
                break
            await self._ready()
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            await self._send(batch)
        self._task = None

    async def _send(self, batch: list[_Item]) -> None:
        born = self._link.generation
        try:
            async with asyncio.timeout(PATIENCE_S):
                await uncut(self._say([word for word, _ in batch]))
        except asyncio.CancelledError:
            self._fail(batch, "The broker is closed.")
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, the connection is not to be trusted
            self._link.broken(fault, born)
            what = self._link.address.clean(f"{type(fault).__name__}: {fault}")
            self._fail(batch, f"The broker did not confirm the event ({what}).")
        else:
            for _, done in batch:
                if done is not None and not done.done():
                    done.set_result(None)

    def _fail(self, items: Sequence[_Item] | deque[_Item], message: str) -> None:
        for _, done in items:
            if done is not None and not done.done():
                done.set_exception(BrokerFault(message))
