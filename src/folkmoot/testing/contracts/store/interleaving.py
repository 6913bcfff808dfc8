"""Any interleaving of claims, steps, signals, deaths and rescues, held against a small model.

The model is the whole life of one run on one page. Since sets that are started in order are applied
in that order, it foretells every outcome, also of sets that are under way at the same time. Over
several handles there is no common order, so there one set follows another.
"""

import asyncio
from collections import Counter
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from folkmoot.core import changes as c
from folkmoot.core.entries import Head, broken
from folkmoot.core.errors import FolkmootError, LeaseLost, WrongState
from folkmoot.core.run import RunState
from folkmoot.ports.store import Query, Store
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
_BY_WORKER = ("claim", "jump", "append", "sleep", "nap", "yield", "fail", "beat", "die", "retire")
_BY_ANYBODY = ("say", "retry", "rescue")
_worker_acts = st.tuples(st.sampled_from(_BY_WORKER), st.integers(0, _WORKERS - 1))
_other_acts = st.tuples(st.sampled_from(_BY_ANYBODY), st.integers(-2, -1))
_acts = st.one_of(_worker_acts, _worker_acts, _other_acts)
_bursts = st.lists(st.lists(_acts, min_size=1, max_size=4), min_size=1, max_size=12)
_SETTINGS = settings(
    max_examples=40,
    deadline=None,
    database=None,
    # One store serves all examples: each plays with a run and workers of its own.
    # Every adapter's test class runs these methods: that is what a contract is for.
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,
        HealthCheck.too_slow,
    ],
)


class _Worker:
    """What a worker believes: the run as it last claimed it (or heard of its birth), the signals."""

    def __init__(self, name: str, born: c.CreateRun) -> None:
        self.name = name
        self.held = Held(c.Claimed(born.run, born.entries))
        self.head = self.held.head
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

    def expect(self, act: str, changes: tuple[c.Change, ...], worker: _Worker | None) -> Any:
        """Apply a set; return the outcome it must have: a value, or a class of error."""
        change = changes[-1]
        if act == "jump":
            return self._jump(*changes)
        if isinstance(change, c.Claim):
            return self._claim(change)
        if isinstance(change, c.Append | c.Move):
            assert worker is not None
            return self._step(change) if self.holds(worker.held) else LeaseLost
        if isinstance(change, c.Signal):
            return self._signal(act)
        return self._upkeep(change)

    def _jump(self, claim: c.Change, append: c.Change) -> Any:
        """Claim and write in one set: both, or neither."""
        assert isinstance(claim, c.Claim)
        assert isinstance(append, c.Append)
        if self.state != RunState.QUEUED or append.fence != self.fence + 1:
            return LeaseLost
        self._claim(claim)
        return self._step(append)

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

    def __init__(self, born: c.CreateRun, *stores: Store) -> None:
        self.stores = stores
        self.run = run = born.run.id
        self.model = _Model()
        self.workers = [_Worker(f"{run}-w{n}", born) for n in range(_WORKERS)]
        self.said = 0
        self.heard = 0
        self.fences: list[int] = []

    def changes(self, act: str, worker: _Worker | None) -> tuple[c.Change, ...]:
        """Return the set that an act means now."""
        if act == "rescue":
            return (c.Rescue(now=NOW),)
        if worker is None:
            self.said += 1
            return ((retry if act == "retry" else signal)(self.run, f"s{self.said}"),)
        upkeep: dict[str, c.Change] = {
            "claim": c.Claim(run=self.run, worker=worker.name, now=NOW),
            "beat": c.Beat(worker=worker.name, ttl_ms=ALIVE_MS),
            "die": c.Beat(worker=worker.name, ttl_ms=0),
            "retire": c.Retire(worker=worker.name, at=NOW),
        }
        if act in upkeep:
            return (upkeep[act],)
        worker.held.head = worker.head
        if act == "jump":
            claim = c.Claim(run=self.run, worker=worker.name, now=NOW, read=False)
            append = worker.held.append(f"by {worker.name}")
            return claim, msgspec.structs.replace(append, fence=append.fence + 1)
        return (_step(act, worker),)

    async def burst(self, acts: list[tuple[str, int]]) -> None:
        """Start several sets at once, one a worker, and hold each outcome against the model."""
        started = []
        free = set(range(_WORKERS))
        for act, number in acts:
            if number >= 0 and number not in free:
                continue
            free.discard(number)
            worker = self.workers[number] if number >= 0 else None
            store = self.stores[number % len(self.stores)]
            started.append((store, act, self.changes(act, worker), worker))
        self.heard = self.model.signals
        expected = [self.model.expect(act, changes, by) for _, act, changes, by in started]
        writes = [store.write(*changes) for store, _, changes, _ in started]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        for (_, act, changes, worker), answer, wanted in zip(
            started, answers, expected, strict=True
        ):
            told = self.told(changes, worker, answer)
            assert told == wanted, f"{act} gave {answer!r} instead of {wanted!r}"

    def told(self, changes: tuple[c.Change, ...], worker: _Worker | None, answer: Any) -> Any:
        """Reduce an answer to what the model speaks of, and let the worker learn from it."""
        if isinstance(answer, FolkmootError):
            return type(answer)
        if isinstance(answer, BaseException):
            raise answer
        change, outcome = changes[-1], answer[-1]
        if isinstance(outcome, c.Claimed):
            return self._won(outcome, worker)
        if isinstance(change, c.Append) and worker is not None:
            last = change.entries[-1]
            worker.head, worker.seen = Head(last.seq, last.hash), outcome
            if change.fence != worker.held.fence:
                assert answer[0] is True
                worker.held.fence = change.fence
                self.fences.append(change.fence)
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
        for store in self.stores:
            run, model = await known(store, self.run), self.model
            assert (run.state, run.fence, run.worker) == (model.state, model.fence, model.worker)
            journal = await store.entries(self.run)
            assert len(journal) == model.end
            assert broken(journal) is None
            assert len(await store.signals([self.run])) == model.signals
        assert self.fences == sorted(set(self.fences)), "a fence was given twice"


def _step(act: str, worker: _Worker) -> c.Change:
    if act == "append":
        return worker.held.append(f"by {worker.name}")
    states = {"sleep": RunState.WAITING, "nap": RunState.WAITING, "fail": RunState.FAILED}
    return worker.held.move(
        states.get(act, RunState.QUEUED),
        signals_seen=worker.seen,
        wake_at=NOW if act == "nap" else None,
    )


async def _play(bursts: list[list[tuple[str, int]]], *stores: Store) -> None:
    born = birth(f"r{sum((await stores[0].counts()).states.values())}", guarded=False)
    await stores[0].write(born)
    play = _Play(born, *stores)
    for acts in bursts:
        await play.burst(acts)
    await play.check()
    every = Counter(str(run.state) for run in await stores[0].runs(Query(limit=10_000)))
    counted = (await stores[0].counts()).states
    assert {state: count for state, count in counted.items() if count} == every


class Interleavings:
    """The fences, for any order of events."""

    @given(bursts=_bursts)
    @_SETTINGS
    async def test_no_interleaving_lets_a_stale_write_in(
        self, store: Store, bursts: list[list[tuple[str, int]]]
    ) -> None:
        """Whoever holds the run writes, nobody else does, and the journal's chain holds."""
        await _play(bursts, store)

    @given(acts=st.lists(_acts, min_size=1, max_size=30))
    @_SETTINGS
    async def test_nor_does_one_over_two_handles(
        self, store: Store, second: Store, acts: list[tuple[str, int]]
    ) -> None:
        """What one process knows of a run never outlives what another does to it (`shared`)."""
        await _play([[act] for act in acts], store, second)
