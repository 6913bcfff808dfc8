"""A duty: something done again and again, with a pause between.

Life: start (idempotent) → rounds → stop (idempotent; a round under way is finished, not cut). A round
that fails is reported and tried again after the pause: a duty never dies of one bad round.
"""

import asyncio
from collections.abc import Awaitable, Callable

from folkmoot.ports.clock import Clock

Report = Callable[[str, str, BaseException | None], None]


class Duty:
    """Runs `once` every `every_s` seconds, and at once when nudged."""

    def __init__(
        self,
        name: str,
        once: Callable[[], Awaitable[object]],
        *,
        every_s: float,
        clock: Clock,
        report: Report,
        eager_s: float | None = None,
    ) -> None:
        """Nothing is started. After a round that did something (its outcome is true) only `eager_s` pass."""
        self.name = name
        self._once = once
        self._every_s = every_s
        self._eager_s = every_s if eager_s is None else eager_s
        self._clock = clock
        self._report = report
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._wake = asyncio.Event()
        self.rounds = 0
        self.done_at = float("-inf")
        self.fault = ""

    async def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._task = asyncio.create_task(self._live(), name=f"folkmoot-{self.name}")

    async def stop(self) -> None:
        """End after the round that is under way."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def nudge(self) -> None:
        """Let the next round come now; while one is under way, right after it."""
        self._wake.set()

    async def _live(self) -> None:
        while not self._stopping:
            self._wake.clear()
            did: object = None
            try:
                did = await self._once()
            except Exception as fault:  # noqa: BLE001 - reported; the next round comes
                self.fault = f"{type(fault).__name__}: {fault}"
                self._report(f"{self.name}_failed", "", fault)
            else:
                self.fault = ""
                self.done_at = self._clock.monotonic()
            self.rounds += 1
            await self._pause(self._eager_s if did else self._every_s)

    async def _pause(self, seconds: float) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
            await asyncio.gather(sleeping, waking, return_exceptions=True)

    def late(self, by_s: float) -> bool:
        """Whether no round has succeeded for that long."""
        return self._clock.monotonic() - self.done_at > by_s
