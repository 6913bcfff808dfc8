"""Notices that the store's clock was set: ahead, or back.

Heartbeats are judged by the store's clock. When it leaps ahead (a laptop wakes up, a host is resumed, a
standby with another clock takes over, somebody sets it) every heartbeat seems to be over at once, those of
workers in good health, too. When it is set back, what the dead have left seems to be alive until the clock
is where it was.

So whoever may rescue looks at that clock every round, beside its own monotonic one: between two looks both
must have gone as far. By what the store's went further, or less far, than can be explained it was set. For
as long as a heartbeat lasts its present is then held to be anywhere between both readings: in that time
each living worker beats anew, and what it says by the new clock counts alone.

The monotonic clock stands still while the machine sleeps: sleep is a leap of the store's clock, and rightly
so, for nobody could beat. It does not stand still for a process that was stopped alone.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from folkmoot.ports.clock import Clock

_SLACK_MS = 500
"""What a clock that is being corrected gently may gain between two looks."""


class Present(NamedTuple):
    """Between which moments the present lies, in ms by the store's clock."""

    earliest: int
    latest: int


class _Look(NamedTuple):
    """What the store's clock told, and between which of our own readings (ms)."""

    before: float
    told: int
    after: float


class _Leap(NamedTuple):
    """By how much it was set (ms), and until when that matters (ms, our own monotonic clock)."""

    by: float
    until: float


class Leaps:
    """Watches the store's clock."""

    def __init__(self, ask: Callable[[], Awaitable[int]], clock: Clock, lease_s: float) -> None:
        """`ask` gives the store's time in ms; `lease_s`: how long a heartbeat lasts."""
        self._ask = ask
        self._clock = clock
        self._lease_ms = lease_s * 1000
        self._last: _Look | None = None
        self._leaps: list[_Leap] = []

    async def look(self) -> Present:
        """Look, and say what may be the present. Raises StoreFault."""
        before = self._ms()
        told = await self._ask()
        look = _Look(before, told, self._ms())
        self._leaps = [leap for leap in self._leaps if leap.until > look.after]
        by = _leapt(self._last, look) if self._last is not None else 0.0
        if abs(by) > _SLACK_MS:
            self._leaps.append(_Leap(by, look.after + self._lease_ms))
        self._last = look
        ahead = sum(leap.by for leap in self._leaps if leap.by > 0)
        back = sum(-leap.by for leap in self._leaps if leap.by < 0)
        # A heartbeat that somebody makes between this look and the judgement is not from the future.
        return Present(round(told - ahead), round(told + back + self._lease_ms))

    def _ms(self) -> float:
        return self._clock.monotonic() * 1000


def _leapt(last: _Look, look: _Look) -> float:
    """Return by how much the store's clock was set at least: 0 where the time between explains it."""
    went = look.told - last.told
    least, most = look.before - last.after, look.after - last.before
    return went - most if went > most else min(0.0, went - least)
