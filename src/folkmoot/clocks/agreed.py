"""The fleet's time: the store's clock, carried on between two looks by our own monotonic one.

Many things are written down by one process and compared by another: when a run is ready, when it wakes,
when an approval lapses, when it was announced, a deadline. With each process's own wall clock a machine an
hour ahead would call off an approval that has half an hour left. So all of them go by one clock, the one
that judges heartbeats and leases already.

Between two looks our wall clock is not asked, so that somebody who sets it changes nothing. An answer is of
some moment between question and answer, so a look is only as good as it was quick: the best one stands, a
little worse every second, until a better one comes or one that shows that the store's clock was set.
A store that does not answer leaves the time running on.
"""

from collections.abc import Awaitable, Callable

from folkmoot.ports.clock import Clock

_DRIFT = 1e-4
"""What two clocks may run apart, in seconds a second."""


class AgreedClock:
    """A Clock whose wall time is the store's."""

    def __init__(self, own: Clock, ask: Callable[[], Awaitable[int]]) -> None:
        """`ask` gives the store's time in milliseconds. Before the first look the time is our own."""
        self._own = own
        self._ask = ask
        self._told: tuple[int, float] | None = None
        self._within_s = 0.0
        self.monotonic = own.monotonic
        self.sleep = own.sleep
        self.entropy = own.entropy

    def now(self) -> int:
        """Milliseconds since 1970 (UTC)."""
        if self._told is None:
            return self._own.now()
        told, at = self._told
        return told + round((self._own.monotonic() - at) * 1000)

    async def look(self) -> None:
        """Ask the store for the time. Raises StoreFault."""
        before = self._own.monotonic()
        told = await self._ask()
        after = self._own.monotonic()
        at, within_s = (before + after) / 2, (after - before) / 2
        if self._told is None or self._better(told, at, within_s):
            self._told, self._within_s = (told, at), within_s

    def _better(self, told: int, at: float, within_s: float) -> bool:
        """Whether a look says more than the one that stands, or contradicts it."""
        assert self._told is not None
        known, then = self._told
        stands_s = self._within_s + _DRIFT * (at - then)
        apart_s = abs(told / 1000 - (known / 1000 + at - then))
        return within_s <= stands_s or apart_s > within_s + stands_s
