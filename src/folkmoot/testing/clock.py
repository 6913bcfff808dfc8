"""A clock that stands still until a test moves it, and randomness that can be foretold.

Nothing here waits for real time. A part that sleeps is woken by `advance`; a test that must be sure
that the part sleeps already says `await clock.asleep()` first:

    await clock.asleep()        # somebody sleeps
    clock.advance(2.0)          # two seconds pass at once
    await clock.asleep()        # whoever woke has done its work and sleeps again

Time is kept in whole nanoseconds, so that ten tenths of a second are one second exactly.
"""

import asyncio
from hashlib import shake_256
from heapq import heappop, heappush

_NANOS = 1_000_000_000
_NANOS_PER_MS = 1_000_000


class FakeClock:
    """ports/clock.py for tests: only `advance` moves it, and `leap` sets it."""

    def __init__(self, start_ms: int = 1_795_000_000_000, seed: int = 0) -> None:
        """Stand at `start_ms` (since 1970, UTC). The same seed gives the same entropy."""
        self._start_ms = start_ms
        self._seed = seed
        self._passed = 0
        self._drawn = 0
        self._slept = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._watchers: list[tuple[int, asyncio.Future[None]]] = []

    def now(self) -> int:
        """Milliseconds since 1970."""
        return self._start_ms + self._passed // _NANOS_PER_MS

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._passed / _NANOS

    @property
    def sleeping(self) -> int:
        """How many sleep now."""
        return sum(1 for _, _, future in self._sleepers if not future.done())

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced so far. Not at all, or less: let the others run once."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._slept += 1
        heappush(self._sleepers, (self._passed + _whole(seconds), self._slept, future))
        self._tell_watchers()
        await future

    def advance(self, seconds: float) -> None:
        """Let time pass. Who wakes, wakes in the order of the times; at one time, first come first.

        They run when the caller next gives way; somebody who then sleeps again counts from the new
        time. To walk through a periodic part's periods, advance by one period at a time.
        """
        if seconds < 0:
            raise ValueError("Time does not go back.")
        self._passed += _whole(seconds)
        while self._sleepers and self._sleepers[0][0] <= self._passed:
            _, _, future = heappop(self._sleepers)
            if not future.done():
                future.set_result(None)

    def leap(self, seconds: float) -> None:
        """Set the wall clock ahead, or back: no time passes by it, and nobody wakes."""
        self._start_ms += round(seconds * 1000)

    async def asleep(self, count: int = 1) -> None:
        """Wait (for the event loop, not for time) until at least `count` sleep."""
        if self.sleeping >= count:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append((count, future))
        await future

    def entropy(self, size: int) -> bytes:
        """Return bytes that differ with each call and are the same in each run of a test."""
        self._drawn += 1
        return shake_256(b"%d/%d" % (self._seed, self._drawn)).digest(size)

    def _tell_watchers(self) -> None:
        if not self._watchers:
            return
        sleeping = self.sleeping
        for count, future in self._watchers:
            if count <= sleeping and not future.done():
                future.set_result(None)
        self._watchers = [(count, future) for count, future in self._watchers if not future.done()]


def _whole(seconds: float) -> int:
    return round(seconds * _NANOS)
