"""Breakers: one for each place at which models are asked, kept in this process (core/breaker.py).

A place (`ModelChoice.place`) is a provider, with its host where the agent names one: a service of one's own that is down says
nothing about the provider whose wire it speaks.

While a probe is under way, nobody else may ask. Who has no other model waits for the probe's outcome, at
most for the time that a call may take: then it asks as well, or is refused as long as the breaker is open.
"""

import asyncio
from collections.abc import Callable

from folkmoot.core import breaker as br
from folkmoot.core.errors import ModelUnreachable
from folkmoot.flow.alarms import Alarms
from folkmoot.ports.clock import Clock


class Breakers:
    """The breakers of one process; a closed one without a past is not kept."""

    def __init__(self, clock: Clock, alarms: Alarms) -> None:
        """Start with all of them closed."""
        self._clock = clock
        self._alarms = alarms
        self._kept: dict[str, br.Breaker] = {}
        self._probes: dict[str, asyncio.Event] = {}

    async def admit(self, place: str, patience_s: float) -> bool:
        """Let a call through; return whether it is the probe. Raises ModelUnreachable.

        A probe that is under way is waited for, for so long.
        """
        while (breaker := self._kept.get(place)) is not None:
            now = self._clock.now()
            admitted = br.admit(breaker, now)
            if admitted is not None:
                self._kept[place] = admitted
                return admitted.probe is not None
            waits = br.state(breaker, now) is br.State.HALF_OPEN and patience_s > 0
            if not waits or not await self._outcome(place, patience_s):
                raise ModelUnreachable(
                    f"{place} failed too often in a row; its breaker is open.",
                    breaker="open",
                    retry_after=max(br.wait(breaker, now), 1000) / 1000,
                )
        return False

    async def _outcome(self, place: str, seconds: float) -> bool:
        """Wait for the end of the probe; return False when it takes longer."""
        ended = self._probes.setdefault(place, asyncio.Event())
        try:
            await self._alarms.limited(ended.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def report(self, place: str, outcome: Callable[[br.Breaker, int], br.Breaker]) -> None:
        """Tell how a call ended (`succeed` or `fail` of core/breaker.py)."""
        known = self._kept.get(place)
        if known is None and outcome is br.succeed:
            return
        self._put(place, outcome(known or br.CLEAR, self._clock.now()))

    def release(self, place: str) -> None:
        """Take back a probe that ended without an outcome."""
        if place in self._kept:
            self._put(place, br.release(self._kept[place]))

    def _put(self, place: str, breaker: br.Breaker) -> None:
        """Keep a breaker, and wake those who wait for its probe: they look for themselves."""
        if breaker == br.CLEAR:
            self._kept.pop(place, None)
        else:
            self._kept[place] = breaker
        if (ended := self._probes.pop(place, None)) is not None:
            ended.set()
