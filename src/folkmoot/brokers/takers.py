"""Those who wait for announcements of one queue, and the one who fetches for them.

Nothing is fetched that nobody waits for: a worker without room must not hold what another could do.
Cancelling a taker never touches the server: what comes for it goes to the next taker here, or back.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Taker(Generic[T]):
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.found: asyncio.Future[list[T]] = asyncio.get_running_loop().create_future()


class Takers(Generic[T]):
    """One queue's takers in this process."""

    def __init__(
        self, fetch: Callable[[int], Awaitable[list[T]]], back: Callable[[T], None]
    ) -> None:
        """`fetch` waits for a while and never raises; `back` gives to others what nobody here wants."""
        self._fetch = fetch
        self._back = back
        self._line: deque[_Taker[T]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self, limit: int) -> list[T]:
        """Wait for announcements; an empty list says that it is over."""
        if self._closed:
            return []
        taker = _Taker[T](limit)
        self._line.append(taker)
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="folkmoot-broker-take")
        try:
            return await taker.found
        except asyncio.CancelledError:
            if taker in self._line:
                self._line.remove(taker)
            elif taker.found.done() and not taker.found.cancelled():
                self._offer(taker.found.result())
            raise

    async def close(self) -> None:
        """Let all takers end with nothing. Idempotent."""
        self._closed = True
        while self._line:
            taker = self._line.popleft()
            if not taker.found.done():
                taker.found.set_result([])
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _work(self) -> None:
        while self._line:
            self._offer(await self._fetch(sum(taker.limit for taker in self._line)))
        self._task = None

    def _offer(self, found: list[T]) -> None:
        """Give each its share in the order in which they came; what is left goes back."""
        while found and self._line:
            taker = self._line.popleft()
            if not taker.found.done():
                taker.found.set_result(found[: taker.limit])
                found = found[taker.limit :]
        # The last goes first, so that the first of them is in front again.
        for taken in reversed(found):
            self._back(taken)
