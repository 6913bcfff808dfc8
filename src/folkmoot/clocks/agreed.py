"""The fleet's time: the store's clock, carried on between two looks by our own monotonic one.

Many things are written down by one process and compared by another: when a run is ready, when it wakes,
when an approval lapses, when it was announced, a deadline. With each process's own wall clock a machine an
hour ahead would call off an approval that has half an hour left. So all of them go by one clock, the one
that judges heartbeats and leases already.

Between two looks our wall clock is not asked, so that somebody who sets it changes nothing. An answer is of
some moment between question and answer: a look bounds how far the store's clock is from our monotonic one,
and tightly only if it was quick. What all looks allow together stands, a little wider every second; the time
is in its middle. A look that contradicts it (the store's clock was set, or a clock drifts more than it
should) moves it just as far as that look demands: the answer of a store that comes back after a second of
outage is of the end of that second, and moves nothing.
A store that does not answer leaves the time running on.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from folkmoot.ports.clock import Clock

_DRIFT = 1e-4
"""What two clocks may run apart, in seconds a second."""


class Bounds(NamedTuple):
    """Between which two numbers the store's clock is ahead of our monotonic one, in milliseconds."""

    low: float
    high: float

    def wider(self, by: float) -> "Bounds":
        """Return bounds that allow as much more on each side."""
        return Bounds(self.low - by, self.high + by)

    def narrowed(self, look: "Bounds") -> "Bounds":
        """Return what a look allows, too; what it allows nearest to us where that is nothing."""
        both = Bounds(max(self.low, look.low), min(self.high, look.high))
        if both.low <= both.high:
            return both
        width = min(self.high - self.low, look.high - look.low)
        if look.low > self.high:
            return Bounds(look.low, look.low + width)
        return Bounds(look.high - width, look.high)


class AgreedClock:
    """A Clock whose wall time is the store's."""

    def __init__(self, own: Clock, ask: Callable[[], Awaitable[int]]) -> None:
        """`ask` gives the store's time in milliseconds. Before the first look the time is our own."""
        self._own = own
        self._ask = ask
        self._bounds: Bounds | None = None
        self._ahead = 0.0  # the bounds' middle
        self._looked_at = 0.0
        self.monotonic = own.monotonic
        self.sleep = own.sleep
        self.entropy = own.entropy

    def now(self) -> int:
        """Milliseconds since 1970 (UTC)."""
        if self._bounds is None:
            return self._own.now()
        return round(self.monotonic() * 1000 + self._ahead)

    async def look(self) -> None:
        """Ask the store for the time. Raises StoreFault."""
        before = self._ms()
        told = await self._ask()
        after = self._ms()
        look = Bounds(told - after, told - before)
        if self._bounds is not None:
            look = self._bounds.wider(_DRIFT * (after - self._looked_at)).narrowed(look)
        self._bounds, self._looked_at = look, after
        self._ahead = (look.low + look.high) / 2

    def _ms(self) -> float:
        return self._own.monotonic() * 1000
