"""Regain: a store that failed leaves us without knowing how a run stands, or whether it is ours at all.

It is read again as soon as the store can be read, and never gone on with from what was known before: its
journal may have grown since, and what it has must not be done again. The fence says whether it is still
ours. Signals are counted before they are read: one that comes between is heard once more, in vain; the
other way round it would be slept through.
"""

from collections.abc import Callable

from folkmoot.core.changes import Append, Claimed
from folkmoot.core.errors import LeaseLost, StoreClosed, StoreFault
from folkmoot.core.run import RunState
from folkmoot.flow.parts import Parts

AGAIN_S = 1.0


class _Holding:
    """A run in the hands of one task; by hand, for it is entered for every run."""

    __slots__ = ("_run", "_runs")

    def __init__(self, runs: dict[str, int], run: str) -> None:
        self._runs, self._run = runs, run

    def __enter__(self) -> None:
        self._runs[self._run] = self._runs.get(self._run, 0) + 1

    def __exit__(self, *_: object) -> None:
        left = self._runs[self._run] - 1
        if left:
            self._runs[self._run] = left
        else:
            del self._runs[self._run]


class Hands:
    """The runs that tasks of this process have, or try to have."""

    def __init__(self) -> None:
        """None yet."""
        self._runs: dict[str, int] = {}

    def __contains__(self, run: str) -> bool:
        """Whether a task has it."""
        return run in self._runs

    def hold(self, run: str) -> "_Holding":
        """Have a run while the context is entered."""
        return _Holding(self._runs, run)


async def held(parts: Parts, run: str, worker: str, given_up: Callable[[], bool]) -> Claimed | None:
    """Return a run if a worker holds it, as soon as the store can tell; None also when it was given up.

    For who was told that a claim could not be written: it may have been written all the same.
    """
    while not given_up():
        try:
            found = await parts.store.run(run)
        except StoreClosed:
            return None
        except StoreFault:
            await parts.clock.sleep(AGAIN_S)
            continue
        if found is None or (found.state, found.worker) != (RunState.RUNNING, worker):
            return None
        return await regain(parts, run, found.fence)
    return None


async def regain(parts: Parts, run: str, fence: int) -> Claimed | None:
    """Return a run as it stands; None when it is ours no more, or the store was closed."""
    while True:
        try:
            return await _read(parts, run, fence)
        except (LeaseLost, StoreClosed):
            return None
        except StoreFault as fault:
            parts.report("store_failed", run, fault)
            await parts.clock.sleep(AGAIN_S)


async def _read(parts: Parts, id_: str, fence: int) -> Claimed | None:
    store = parts.store
    signals = (await store.write(Append(run=id_, fence=fence, entries=())))[0]
    run, pending = await store.run(id_), await store.signals([id_])
    if run is None:
        return None
    journal, after = [], 0
    while part := await store.entries(id_, after):
        journal += part
        after = part[-1].seq
    return Claimed(run, tuple(journal), int(signals or 0), tuple(pending))  # type: ignore[arg-type]
