"""Endings: who waits in this process for a run of this process is told directly.

A run is *open* here from its birth or its claim until its drive puts it down. While it is open nobody
need read the store to learn that it has not ended; when it is put down the waiters get the run as it is
then. A run that is driven while it is being submitted may be over before anybody can wait for it: the
latest of these are kept for whoever asks first. It is a short cut only: a waiter also looks into the store
now and then, for the run may have gone to another worker.
"""

import asyncio

from folkmoot.core.run import Run
from folkmoot.flow.alarms import Alarm, Alarms

_EARLY = 256


class Endings:
    """Open runs, and those who wait for them."""

    def __init__(self) -> None:
        """Nothing is open."""
        self._open: set[str] = set()
        self._alarms = Alarms()
        self._waiters: dict[str, list[_Waiter]] = {}
        self._expected: set[str] = set()
        self._early: dict[str, Run] = {}

    def begin(self, run: str) -> None:
        """A run is in our hands."""
        self._open.add(run)
        self.spoken_to(run)

    def spoken_to(self, run: str) -> None:
        """A run may go on after its end: how it had ended is not kept any more."""
        self._early.pop(run, None)

    def expect(self, run: str) -> None:
        """Somebody is about to wait for a run that may be over before."""
        self._expected.add(run)

    def is_open(self, run: str) -> bool:
        """Whether there is something to wait for: a run in our hands, or how it was put down just now."""
        return run in self._open or run in self._early

    def put_down(self, run: Run) -> None:
        """A run is in our hands no more; tell who waits."""
        self._open.discard(run.id)
        waiters = self._waiters.pop(run.id, ())
        for waiter in waiters:
            waiter.tell(run)
        if run.id in self._expected:
            self._expected.discard(run.id)
            if not waiters:
                self._keep(run)

    def drop(self, run: str) -> None:
        """A run was lost to us; its waiters look into the store."""
        self._open.discard(run)
        self._expected.discard(run)

    def _keep(self, run: Run) -> None:
        self._early[run.id] = run
        if len(self._early) > _EARLY:
            del self._early[next(iter(self._early))]

    async def wait(self, run: str, at_most_s: float) -> Run | None:
        """Wait until a run is put down here; None when the time is over first."""
        early = self._early.pop(run, None)
        if early is not None:
            return early
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future())
        self._waiters.setdefault(run, []).append(waiter)
        self._alarms.set(waiter, at_most_s, loop)
        try:
            return await waiter.told
        finally:
            self._alarms.take_back(waiter)
            left = self._waiters.get(run)
            if left is not None:
                left.remove(waiter)
                if not left:
                    del self._waiters[run]


class _Waiter(Alarm):
    """Somebody who waits; when the time is over there is nothing to tell."""

    __slots__ = ("told",)

    def __init__(self, told: "asyncio.Future[Run | None]") -> None:
        self.told = told

    def ring(self) -> None:
        self.tell(None)

    def tell(self, run: Run | None) -> None:
        if not self.told.done():
            self.told.set_result(run)
