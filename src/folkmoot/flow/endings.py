"""Endings: who waits in this process for a run of this process is told directly.

A run is *open* here from its birth or its claim until its drive puts it down. While it is open nobody
need read the store to learn that it has not ended; when it is put down the waiters get the run as it is
then. It is a short cut only: a waiter also looks into the store now and then, for the run may have gone
to another worker.
"""

import asyncio

from folkmoot.core.run import Run


class Endings:
    """Open runs, and those who wait for them."""

    def __init__(self) -> None:
        """Nothing is open."""
        self._open: set[str] = set()
        self._waiters: dict[str, list[asyncio.Future[Run | None]]] = {}

    def begin(self, run: str) -> None:
        """A run is in our hands."""
        self._open.add(run)

    def is_open(self, run: str) -> bool:
        """Whether a run is in our hands, and so has not ended."""
        return run in self._open

    def put_down(self, run: Run) -> None:
        """A run is in our hands no more; tell who waits."""
        self._open.discard(run.id)
        for waiter in self._waiters.pop(run.id, ()):
            if not waiter.done():
                waiter.set_result(run)

    def drop(self, run: str) -> None:
        """A run was lost to us; its waiters look into the store."""
        self._open.discard(run)

    async def wait(self, run: str, at_most_s: float) -> Run | None:
        """Wait until a run is put down here; None when the time is over first."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Run | None] = loop.create_future()
        self._waiters.setdefault(run, []).append(waiter)
        timer = loop.call_later(at_most_s, _give_up, waiter)
        try:
            return await waiter
        finally:
            timer.cancel()
            left = self._waiters.get(run)
            if left is not None:
                left.remove(waiter)
                if not left:
                    del self._waiters[run]


def _give_up(waiter: "asyncio.Future[Run | None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
