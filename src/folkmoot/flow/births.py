"""Births: runs that this process has just made, and whose journal it therefore need not read.

A worker that takes such a run writes its claim together with the first step's permission, one commit
less. It is only a short cut: the claim is judged by the store as any other, and whoever comes too late
is refused whole.

Where the worker has a free hand and nothing stands in line, not even the birth is written by itself: the
worker adopts the run, and birth, claim and the first step's permission are one transaction. Whoever
submits hears of it when that is durable. When it was not (the lane holds the run back, the store fails),
nothing was written, and the run is made the usual way.
"""

import asyncio
from collections.abc import Callable

import msgspec

from folkmoot.core.changes import Change, Claimed, CreateRun
from folkmoot.core.run import RunState

Adopt = Callable[[CreateRun, tuple[Change, ...]], "asyncio.Future[bool] | None"]
"""Takes a birth and what is written beside it: None without a free hand, else whether it was written."""


def _nobody(_: CreateRun, __: tuple[Change, ...]) -> None:
    """No worker is there."""


class Births:
    """New runs, until somebody takes them. `adopt` is the worker's, once it is there."""

    def __init__(self, limit: int = 10_000) -> None:
        """Keep the latest `limit`: where others take runs, too, those from before are theirs by now."""
        self._limit = limit
        self._known: dict[str, CreateRun] = {}
        self.adopt: Adopt = _nobody

    def add(self, change: CreateRun) -> None:
        """Remember a run."""
        if len(self._known) >= self._limit:
            del self._known[next(iter(self._known))]
        self._known[change.run.id] = change

    def take(self, run: str, worker: str, now: int) -> Claimed | None:
        """Return a run as its first claim would give it, or None; a second asking gives None."""
        change = self._known.pop(run, None)
        if change is None:
            return None
        return taken(Claimed(change.run, change.entries), worker, now)


def taken(found: Claimed, worker: str, now: int) -> Claimed:
    """Return a run that can be claimed as it will be when it is."""
    run = msgspec.structs.replace(
        found.run, state=RunState.RUNNING, fence=found.run.fence + 1, worker=worker, updated_at=now
    )
    return Claimed(run, found.entries, found.signals, found.pending)
