"""Workers come, beat, leave and die; what they held goes back to the queue."""

from collections.abc import Awaitable, Callable

import pytest

from folkmoot.core import changes as c
from folkmoot.core.errors import Invalid, LeaseLost
from folkmoot.core.run import RunState
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import (
    ALIVE_MS,
    NOW,
    birth,
    end,
    known,
    rest,
    start,
    take,
)

Elapse = Callable[[int], Awaitable[None]]


def _beat(worker: str, ttl_ms: int = ALIVE_MS) -> c.Beat:
    return c.Beat(worker=worker, ttl_ms=ttl_ms)


async def _rescue(store: Store, now: int = NOW) -> list[str]:
    """Rescue, and return the ids in a fixed order."""
    (runs,) = await store.write(c.Rescue(now=now))
    assert isinstance(runs, tuple)
    return sorted(runs)


class Workers:
    """Beat, Retire, Rescue."""

    async def test_the_runs_of_a_living_worker_are_left_alone(self, store: Store) -> None:
        """However often somebody looks."""
        await store.write(_beat("w1"))
        held = await start(store, "r1", "w1")
        assert await _rescue(store) == []
        assert await _rescue(store, NOW + 10 * ALIVE_MS) == []
        await store.write(held.append("goes on"))

    async def test_the_runs_of_a_dead_worker_are_rescued(self, store: Store) -> None:
        """Queued, unannounced, with a raised fence, each of them once; others stay."""
        await store.write(_beat("w1", 0), _beat("w2"))
        dead, other = await start(store, "r1", "w1"), await start(store, "r2", "w1")
        await store.write(c.Announced(runs=("r1", "r2"), at=NOW))
        await start(store, "r3", "w2")
        await end(store, "r4")
        assert await _rescue(store, NOW + 4) == ["r1", "r2"]
        run = await known(store, "r1")
        assert (run.state, run.worker, run.fence) == (RunState.QUEUED, "", dead.fence + 1)
        assert run.updated_at == NOW + 4
        assert [run.id for run in await store.ready(NOW, 10, NOW)] == ["r1", "r2"]
        with pytest.raises(LeaseLost):
            await store.write(other.append("late"))
        assert await _rescue(store) == []
        assert (await take(store, "r1", "w2")).fence == dead.fence + 2

    async def test_a_rescued_run_is_ready_whatever_its_past(self, store: Store) -> None:
        """Its old delay does not count again, and nothing seems due that is not."""
        await store.write(birth("r1", ready_at=NOW - 5), birth("r2", ready_at=NOW - 5))
        await take(store, "r1", "w1")
        await take(store, "r2", "w2")
        await store.write(c.Retire(worker="w2", at=NOW))
        assert await _rescue(store) == ["r1"]
        assert [run.id for run in await store.ready(0, 10, NOW)] == ["r1", "r2"]
        assert await store.due() is None

    async def test_a_worker_that_never_beat_is_lost(self, store: Store) -> None:
        """A worker beats before it claims: no heartbeat means that nobody is there."""
        await start(store, "r1", "w1")
        assert await _rescue(store) == ["r1"]

    async def test_the_last_beat_counts(self, store: Store) -> None:
        """It may lengthen a life, and shorten it."""
        await start(store, "r1", "w1")
        await start(store, "r2", "w2")
        await store.write(_beat("w1", 0), _beat("w2"))
        await store.write(_beat("w1"), _beat("w2", 0))
        assert await _rescue(store) == ["r2"]

    async def test_a_heartbeat_ends_by_the_stores_clock(self, store: Store, elapse: Elapse) -> None:
        """Not by the time that a caller names."""
        await store.write(_beat("w1", 20))
        await start(store, "r1", "w1")
        await elapse(40)
        assert (await store.counts()).workers == 0
        assert await _rescue(store, 0) == ["r1"]

    async def test_a_heartbeat_that_was_cut_short_by_a_leap_counts(self, store: Store) -> None:
        """Whoever knows that the clock was set ahead says how early it may truly be."""
        await store.write(_beat("w1", 0))
        held = await start(store, "r1", "w1")
        now = await store.now()
        spared = c.Rescue(now=NOW, earliest=now - ALIVE_MS)
        assert await store.write(spared) == ((),)
        await store.write(held.append("goes on"))
        assert await store.write(c.Rescue(now=NOW, earliest=now + ALIVE_MS)) == (("r1",),)

    async def test_a_heartbeat_from_the_future_is_no_life(self, store: Store) -> None:
        """It was made before the clock was set back, by somebody who has not beaten since."""
        await store.write(_beat("w1"))
        await start(store, "r1", "w1")
        now = await store.now()
        assert await store.write(c.Rescue(now=NOW, latest=now + ALIVE_MS)) == ((),)
        assert await store.write(c.Rescue(now=NOW, latest=now - ALIVE_MS)) == (("r1",),)
        assert (await store.standing(NOW, NOW)).workers == ()

    async def test_a_worker_that_was_given_up_may_come_back(self, store: Store) -> None:
        """It was only slow: it beats again, claims again, and its new runs are safe."""
        await store.write(_beat("w1", 0))
        await start(store, "r1", "w1")
        assert await _rescue(store) == ["r1"]
        await store.write(_beat("w1"))
        held = await take(store, "r1", "w1")
        assert await _rescue(store) == []
        await store.write(held.append("goes on"))

    async def test_who_retires_gives_back_what_it_holds(self, store: Store) -> None:
        """Its runs at once, with raised fences; nobody else's; and it is not counted any more."""
        await store.write(_beat("w1"), _beat("w2"))
        held = await start(store, "r1", "w1")
        await start(store, "r2", "w2")
        await end(store, "r3")
        assert await store.write(c.Retire(worker="w1", at=NOW + 2)) == (("r1",),)
        run = await known(store, "r1")
        assert (run.state, run.worker, run.fence) == (RunState.QUEUED, "", held.fence + 1)
        assert run.updated_at == NOW + 2
        assert (await store.counts()).workers == 1
        assert (await known(store, "r2")).state == RunState.RUNNING
        assert await store.write(c.Retire(worker="w1", at=NOW)) == ((),)
        with pytest.raises(LeaseLost):
            await store.write(held.append("late"))

    async def test_a_waiting_run_is_nobodys_to_lose(self, store: Store) -> None:
        """It holds no worker: neither a death nor a retirement touches it."""
        await store.write(_beat("w1", 0))
        await rest(store, "r1")
        before = await store.run("r1")
        assert await _rescue(store) == []
        assert await store.write(c.Retire(worker="w1", at=NOW)) == ((),)
        assert await store.run("r1") == before

    async def test_a_sleeping_run_wakes_at_its_time(self, store: Store) -> None:
        """Not before; and then it is queued, unannounced, and waits for nothing."""
        await rest(store, "r1", wake_at=NOW + 10, waits_for="time")
        await rest(store, "r2")
        assert await _rescue(store, NOW + 9) == []
        assert await _rescue(store, NOW + 10) == ["r1"]
        run = await known(store, "r1")
        assert (run.state, run.wake_at, run.waits_for) == (RunState.QUEUED, None, "")
        assert [run.id for run in await store.ready(NOW, 10, NOW)] == ["r1"]
        assert await _rescue(store, NOW + 10) == []

    async def test_living_workers_are_counted(self, store: Store) -> None:
        """Each once, the dead not at all."""
        await store.write(_beat("w1"), _beat("w2"), _beat("w1"), _beat("w3", 0))
        assert (await store.counts()).workers == len(("w1", "w2"))

    @pytest.mark.parametrize(
        "alone", [c.Rescue(now=NOW), c.Retire(worker="w1", at=NOW), c.Prune(before=NOW, limit=1)]
    )
    async def test_a_rescue_stands_alone(self, store: Store, alone: c.Change) -> None:
        """It touches any number of runs, so a set that holds more is refused whole."""
        await start(store, "r1", "w1")
        for changes in [(birth("r2"), alone), (alone, birth("r2")), (alone, alone)]:
            with pytest.raises(Invalid):
                await store.write(*changes)
        assert await store.run("r2") is None
        assert (await known(store, "r1")).state == RunState.RUNNING
