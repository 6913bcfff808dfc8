"""Lanes: how many of an agent's runs are at work, how far apart they start, and the agent's breaker."""

import asyncio

import pytest

from folkmoot.core import changes as c
from folkmoot.core import lane as ln
from folkmoot.core.breaker import FIRST_MS, THRESHOLD
from folkmoot.core.errors import LeaseLost
from folkmoot.core.run import RunState
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import (
    ALIVE_MS,
    CROWD,
    NOW,
    Held,
    birth,
    known,
    start,
    take,
)

ROOM = 3
"""A limit that is neither none nor one."""


def claim(run: str, now: int = NOW) -> c.Claim:
    """Return a claim at a time."""
    return c.Claim(run=run, worker="w1", now=now)


async def claimed(store: Store, run: str, now: int = NOW) -> Held | None:
    """Claim a run; None when its lane (or whatever else) holds it back."""
    (outcome,) = await store.write(claim(run, now))
    return Held(outcome) if isinstance(outcome, c.Claimed) else None


async def fail(store: Store, name: str, times: int, now: int = NOW) -> None:
    """Let runs of the agent begin and fail."""
    for nr in range(times):
        await store.write(birth(f"{name}{nr}"))
        held = await claimed(store, f"{name}{nr}", now)
        assert held is not None
        await store.write(held.move(RunState.FAILED, at=now, error="OOPS: no"))


class Lanes:
    """What a claim asks before a run begins (core/lane.py)."""

    async def test_no_more_runs_of_an_agent_begin_than_may(self, store: Store) -> None:
        """Who is held back stays queued, is not announced any more, and begins when one ends."""
        await store.write(birth("r1", limit=1), birth("r2", limit=1), birth("x", agent="other"))
        await store.write(c.Announced(runs=("r2",), at=NOW))
        first = await take(store, "r1")
        assert await claimed(store, "r2") is None
        assert await claimed(store, "x") is not None
        run = await known(store, "r2")
        assert (run.state, run.fence, run.ready_at) == (RunState.QUEUED, 0, 0)
        await store.write(first.move(RunState.SUCCEEDED))
        assert [run.id for run in await store.ready(NOW, 10, NOW)] == ["r2"]
        assert await claimed(store, "r2") is not None

    async def test_a_waiting_run_leaves_its_place(self, store: Store) -> None:
        """It holds nothing; when it wakes it waits for a place like the others."""
        await store.write(c.Beat(worker="w1", ttl_ms=ALIVE_MS))
        await store.write(birth("r1", limit=1), birth("r2", limit=1))
        first = await take(store, "r1")
        await store.write(first.move(RunState.WAITING, wake_at=NOW))
        assert await claimed(store, "r2") is not None
        assert await store.write(c.Rescue(now=NOW)) == (("r1",),)
        assert await claimed(store, "r1") is None

    async def test_a_rescued_run_leaves_its_place(self, store: Store) -> None:
        """The dead count for nothing."""
        await store.write(birth("r1", limit=1), birth("r2", limit=1))
        await take(store, "r1", "dead")
        assert await store.write(c.Rescue(now=NOW)) == (("r1",),)
        assert await claimed(store, "r2") is not None
        await store.write(c.Retire(worker="w1", at=NOW))
        assert await claimed(store, "r1") is not None

    async def test_within_a_set_and_in_a_crowd_a_limit_holds(self, store: Store) -> None:
        """All at once, and one after the other in one set."""
        await store.write(*[birth(f"r{n}", limit=ROOM) for n in range(CROWD)])
        outcomes = await store.write(claim("r0"), claim("r1"))
        assert all(isinstance(x, c.Claimed) for x in outcomes)
        crowd = await asyncio.gather(*[claimed(store, f"r{n}") for n in range(2, CROWD)])
        assert len([held for held in crowd if held is not None]) == ROOM - 2

    async def test_starts_are_spaced(self, store: Store) -> None:
        """Who comes too early is delayed until its time, and is then free to begin."""
        await store.write(*[birth(f"r{n}", spacing=100) for n in range(3)], birth("free"))
        assert await claimed(store, "r0") is not None
        assert await claimed(store, "r1", NOW + 60) is None
        assert (await known(store, "r1")).ready_at == NOW + 100
        assert await store.due() == NOW + 100
        assert await claimed(store, "free", NOW + 60) is not None
        assert await claimed(store, "r1", NOW + 99) is None
        assert await claimed(store, "r1", NOW + 100) is not None
        assert await claimed(store, "r2", NOW + 101) is None

    async def test_an_agent_that_keeps_failing_is_left_alone(self, store: Store) -> None:
        """Until its time is over; then one run probes, and its success clears the breaker."""
        await fail(store, "f", THRESHOLD)
        await store.write(birth("r1"), birth("r2"), birth("forced", guarded=False))
        after = NOW + FIRST_MS
        assert await claimed(store, "r1") is None
        assert (await known(store, "r1")).ready_at == after
        assert await claimed(store, "forced") is not None
        probe = await claimed(store, "r1", after)
        assert probe is not None
        assert await claimed(store, "r2", after) is None
        await store.write(probe.move(RunState.SUCCEEDED, at=after))
        assert await store.records(ln.KIND) == []
        await store.write(birth("r3"))
        assert await claimed(store, "r3", after) is not None

    async def test_what_was_put_off_until_a_time_can_be_hastened(self, store: Store) -> None:
        """Only what waits until exactly then: other delays have other reasons."""
        await fail(store, "f", THRESHOLD)
        after = NOW + FIRST_MS
        await store.write(birth("r1"), birth("r2"), birth("later", ready_at=after + 1))
        for run in ("r1", "r2"):
            assert await claimed(store, run) is None
        await store.write(c.DropRecord(kind=ln.KIND, key="sample"))
        names = ("r1", "later", "nobody")
        outcomes = await store.write(*(c.Hasten(run=name, until=after) for name in names))
        assert outcomes == (None, None, None)
        times = [(await known(store, name)).ready_at for name in ("r1", "r2", "later")]
        assert times == [0, after, after + 1]
        assert [run.id for run in await store.ready(NOW, 10, NOW + 1)] == ["r1"]
        held = await claimed(store, "r1")
        assert held is not None
        before = await known(store, "r1")
        await store.write(c.Hasten(run="r1", until=0))
        assert await known(store, "r1") == before

    async def test_a_run_that_is_hastened_can_be_had_in_the_same_set(self, store: Store) -> None:
        """And a set that fails leaves it put off."""
        await fail(store, "f", THRESHOLD)
        after = NOW + FIRST_MS
        await store.write(birth("r1"))
        assert await claimed(store, "r1") is None
        await store.write(c.DropRecord(kind=ln.KIND, key="sample"))
        hasten, lost = c.Hasten(run="r1", until=after), c.Consume(run="nobody", fence=1, ids=())
        with pytest.raises(LeaseLost):
            await store.write(hasten, lost)
        assert (await known(store, "r1")).ready_at == after
        _, outcome = await store.write(hasten, claim("r1"))
        assert isinstance(outcome, c.Claimed)

    async def test_a_success_between_failures_counts(self, store: Store) -> None:
        """Only failures in a row open the breaker; other ends say nothing."""
        await fail(store, "a", THRESHOLD - 1)
        for state in (RunState.CANCELLED, RunState.REFUSED):
            held = await start(store, state)
            await store.write(held.move(state))
        record = await store.record(ln.KIND, "sample")
        assert record is not None
        assert ln.read(record.body).breaker.failures == THRESHOLD - 1
        await store.write((await start(store, "well")).move(RunState.SUCCEEDED))
        await fail(store, "b", THRESHOLD - 1)
        assert await claimed(store, "none") is None
        await store.write(birth("r1"))
        assert await claimed(store, "r1") is not None

    async def test_a_breaker_is_cleared_by_hand(self, store: Store) -> None:
        """Dropping the lane's record is enough."""
        await fail(store, "f", THRESHOLD)
        await store.write(birth("r1"))
        assert await store.write(c.DropRecord(kind=ln.KIND, key="sample")) == (True,)
        assert await claimed(store, "r1") is not None

    async def test_a_run_whose_deadline_has_passed_begins_at_once(self, store: Store) -> None:
        """What is left is to tell so, and its end is no failure of the agent's."""
        await store.write(birth("r1", limit=1), birth("r2", limit=1, deadline=NOW))
        await take(store, "r1")
        late = await claimed(store, "r2")
        assert late is not None
        await store.write(late.move(RunState.FAILED, error="DEADLINE_PASSED: late"))
        assert await store.record(ln.KIND, "sample") is None

    async def test_a_set_that_fails_leaves_the_lane_as_it_was(self, store: Store) -> None:
        """Neither a place nor a start nor a failure is counted for it."""
        await store.write(*[birth(f"r{n}", limit=1, spacing=100) for n in range(2)])
        wrong = c.PutRecord(kind="k", key="a", body=b"", version=7)
        (refused,) = await asyncio.gather(store.write(claim("r0"), wrong), return_exceptions=True)
        assert isinstance(refused, Exception)
        assert await store.record(ln.KIND, "sample") is None
        assert await claimed(store, "r1") is not None


class SharedLanes:
    """Capability `shared`: a lane is the fleet's."""

    async def test_a_limit_holds_over_all_handles(self, store: Store, second: Store) -> None:
        """Claims from both, all at once, again and again."""
        await store.write(*[birth(f"r{n}", limit=ROOM) for n in range(20)])
        handles = [store, second] * 10
        crowd = await asyncio.gather(*[claimed(x, f"r{n}") for n, x in enumerate(handles)])
        won = [held for held in crowd if held is not None]
        assert 1 <= len(won) <= ROOM
        for nr in range(20):
            await claimed(handles[nr], f"r{nr}")
        running = (await second.counts()).states[RunState.RUNNING]
        assert running == ROOM

    async def test_failures_count_over_all_handles(self, store: Store, second: Store) -> None:
        """The breaker opens for all, whoever saw the failures."""
        await fail(store, "a", 2)
        await fail(second, "b", 2)
        await fail(store, "c", THRESHOLD - 4)
        await second.write(birth("r1"))
        assert await claimed(second, "r1") is None
        await store.write(
            c.DropRecord(kind=ln.KIND, key="sample"), c.Beat(worker="w", ttl_ms=ALIVE_MS)
        )
        assert await claimed(second, "r1") is None, "its delay stands until it is over"
        assert await claimed(second, "r1", NOW + FIRST_MS) is not None
