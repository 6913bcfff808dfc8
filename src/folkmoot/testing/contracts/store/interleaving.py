"""Any interleaving of claims, steps, signals, deaths and rescues, held against a small model.

The model is the whole life of one run on one page. Since sets that are started in order are applied
in that order, it foretells every outcome, also of sets that are under way at the same time.
"""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from folkmoot.core import changes as c
from folkmoot.core.entries import Head, broken
from folkmoot.core.errors import FolkmootError, LeaseLost, WrongState
from folkmoot.core.run import RunState
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import (
    ALIVE_MS,
    NOW,
    Held,
    birth,
    known,
    retry,
    signal,
)

_WORKERS = 3
_BY_WORKER = ("claim", "append", "sleep", "nap", "yield", "fail", "beat", "die", "retire")
_BY_ANYBODY = ("say", "retry", "rescue")
_worker_acts = st.tuples(st.sampled_from(_BY_WORKER), st.integers(0, _WORKERS - 1))
_other_acts = st.tuples(st.sampled_from(_BY_ANYBODY), st.just(-1))
_weighted = st.one_of(_worker_acts, _worker_acts, _other_acts)
_bursts = st.lists(st.lists(_weighted, min_size=1, max_size=4), min_size=1, max_size=12)


class _Worker:
    """What a worker believes: the run as it last claimed it, and the signals it knows of."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.held: Held | None = None
        self.head = Head()
        self.seen = 0


class _Model:
    """What must be true of the run."""

    def __init__(self) -> None:
        self.state = RunState.QUEUED
        self.fence = 0
        self.worker = ""
        self.end = 1
        self.signals = 0
        self.naps = False
        self.alive: set[str] = set()

    def holds(self, held: Held) -> bool:
        return self.state == RunState.RUNNING and held.fence == self.fence

    def release(self, fence: int = 0) -> None:
        self.state, self.worker, self.naps = RunState.QUEUED, "", False
        self.fence += fence

    def expect(self, act: str, change: c.Change, worker: _Worker | None) -> Any:
        """Apply an act; return the outcome it must have: a value, or a class of error."""
        if isinstance(change, c.Claim):
            return self._claim(change)
        if isinstance(change, c.Append | c.Move):
            assert worker is not None
            assert worker.held is not None
            return self._step(change) if self.holds(worker.held) else LeaseLost
        if isinstance(change, c.Signal):
            return self._signal(act)
        return self._upkeep(change)

    def _claim(self, change: c.Claim) -> Any:
        if self.state != RunState.QUEUED:
            return None
        self.state, self.worker = RunState.RUNNING, change.worker
        self.fence += 1
        return self.fence, self.end

    def _step(self, change: c.Append | c.Move) -> Any:
        if isinstance(change, c.Append):
            self.end += len(change.entries)
            return self.signals
        if change.state == RunState.WAITING and self.signals <= change.signals_seen:
            self.state, self.worker, self.naps = RunState.WAITING, "", change.wake_at is not None
        elif change.state.final:
            self.state, self.worker = change.state, ""
        else:
            self.release()
        return None

    def _signal(self, act: str) -> Any:
        if (self.state == RunState.FAILED) != (act == "retry"):
            return WrongState
        self.signals += 1
        if self.state in {RunState.WAITING, RunState.FAILED}:
            self.release()
        return True

    def _upkeep(self, change: c.Change) -> Any:
        if isinstance(change, c.Beat):
            (self.alive.add if change.ttl_ms else self.alive.discard)(change.worker)
            return None
        lost = self.state == RunState.RUNNING
        if isinstance(change, c.Retire):
            self.alive.discard(change.worker)
            lost = lost and self.worker == change.worker
        else:
            lost = lost and self.worker not in self.alive
        woken = isinstance(change, c.Rescue) and self.state == RunState.WAITING and self.naps
        if lost or woken:
            self.release(fence=1 if lost else 0)
        return lost or woken


class _Play:
    """One run, its workers, the store and the model."""

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self.run = run
        self.model = _Model()
        self.workers = [_Worker(f"{run}-w{n}") for n in range(_WORKERS)]
        self.said = 0
        self.heard = 0
        self.fences: list[int] = []

    def change(self, act: str, worker: _Worker | None) -> c.Change | None:
        """Return the change that an act means now, or None when it means nothing yet."""
        if act == "rescue":
            return c.Rescue(now=NOW)
        if worker is None:
            self.said += 1
            return (retry if act == "retry" else signal)(self.run, f"s{self.said}")
        upkeep: dict[str, c.Change] = {
            "claim": c.Claim(run=self.run, worker=worker.name, now=NOW),
            "beat": c.Beat(worker=worker.name, ttl_ms=ALIVE_MS),
            "die": c.Beat(worker=worker.name, ttl_ms=0),
            "retire": c.Retire(worker=worker.name, at=NOW),
        }
        return upkeep.get(act) or (_held_change(act, worker, worker.held) if worker.held else None)

    async def burst(self, acts: list[tuple[str, int]]) -> None:
        """Start several sets at once, one a worker, and hold each outcome against the model."""
        started = []
        free = set(range(_WORKERS))
        for act, number in acts:
            if number >= 0 and number not in free:
                continue
            free.discard(number)
            worker = self.workers[number] if number >= 0 else None
            change = self.change(act, worker)
            if change is not None:
                started.append((act, change, worker))
        self.heard = self.model.signals
        expected = [self.model.expect(*one) for one in started]
        writes = [self.store.write(change) for _, change, _ in started]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        for (act, change, worker), answer, wanted in zip(started, answers, expected, strict=True):
            told = self.told(change, worker, answer)
            assert told == wanted, f"{act} gave {answer!r} instead of {wanted!r}"

    def told(self, change: c.Change, worker: _Worker | None, answer: Any) -> Any:
        """Reduce an answer to what the model speaks of, and let the worker learn from it."""
        if isinstance(answer, FolkmootError):
            return type(answer)
        if isinstance(answer, BaseException):
            raise answer
        (outcome,) = answer
        if isinstance(outcome, c.Claimed):
            return self._won(outcome, worker)
        if isinstance(change, c.Append) and worker is not None:
            last = change.entries[-1]
            worker.head, worker.seen = Head(last.seq, last.hash), outcome
        if isinstance(change, c.Rescue | c.Retire):
            return self.run in outcome
        return outcome

    def _won(self, claimed: c.Claimed, worker: _Worker | None) -> Any:
        assert worker is not None
        worker.held = Held(claimed)
        worker.head, worker.seen = worker.held.head, claimed.signals
        self.fences.append(claimed.run.fence)
        # Nothing is consumed here; a claim may also tell of what was said while it was under way.
        assert self.heard <= claimed.signals == len(claimed.pending) <= self.model.signals
        return claimed.run.fence, len(claimed.entries)

    async def check(self) -> None:
        """Compare what is stored with the model, and verify the journal."""
        run, model = await known(self.store, self.run), self.model
        assert (run.state, run.fence, run.worker) == (model.state, model.fence, model.worker)
        journal = await self.store.entries(self.run)
        assert len(journal) == model.end
        assert broken(journal) is None
        assert len(await self.store.signals([self.run])) == model.signals
        assert self.fences == sorted(set(self.fences)), "a fence was given twice"


def _held_change(act: str, worker: _Worker, held: Held) -> c.Change:
    held.head = worker.head
    if act == "append":
        return held.append(f"by {worker.name}")
    states = {"sleep": RunState.WAITING, "nap": RunState.WAITING, "fail": RunState.FAILED}
    return held.move(
        states.get(act, RunState.QUEUED),
        signals_seen=worker.seen,
        wake_at=NOW if act == "nap" else None,
    )


class Interleavings:
    """The fences, for any order of events."""

    @given(bursts=_bursts)
    @settings(
        max_examples=40,
        deadline=None,
        database=None,
        # One store serves all examples: each plays with a run and workers of its own.
        # Every adapter's test class runs this method: that is what a contract is for.
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
            HealthCheck.too_slow,
        ],
    )
    async def test_no_interleaving_lets_a_stale_write_in(
        self, store: Store, bursts: list[list[tuple[str, int]]]
    ) -> None:
        """Whoever holds the run writes, nobody else does, and the journal's chain holds."""
        number = sum((await store.counts()).states.values())
        play = _Play(store, f"r{number}")
        await store.write(birth(play.run))
        for acts in bursts:
            await play.burst(acts)
        await play.check()
