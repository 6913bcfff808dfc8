"""What is said to a run from outside: heard once, kept until the journal has it."""

import asyncio

import pytest

from folkmoot.core.errors import RunUnknown, WrongState
from folkmoot.core.run import FINAL, RunState
from folkmoot.core.signals import Cancel, Say
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import (
    CROWD,
    NOW,
    birth,
    end,
    known,
    rest,
    retry,
    signal,
    start,
    take,
)


class Signals:
    """Signal, Consume, signals(), signalled()."""

    async def test_a_signal_is_heard_once(self, store: Store) -> None:
        """The same id again is the same signal, also when its words differ."""
        await store.write(birth("r1"))
        first = signal("r1", "s1", Say("first \0 \U0001f98a"))
        assert await store.write(first) == (True,)
        assert await store.write(signal("r1", "s1", Say("second"))) == (False,)
        assert await store.write(signal("r1", "s2"), signal("r1", "s2")) == (True, False)
        pending = await store.signals(["r1"])
        assert [s.id for s in pending] == ["s1", "s2"]
        assert pending[0] == first

    async def test_runs_do_not_share_signal_ids(self, store: Store) -> None:
        """An id means something to one run only."""
        await store.write(birth("r1"), birth("r2"))
        assert await store.write(signal("r1", "s1"), signal("r2", "s1")) == (True, True)
        found = await store.signals(["r1", "r2", "r0"])
        assert sorted((s.run, s.id) for s in found) == [("r1", "s1"), ("r2", "s1")]
        assert [s.run for s in await store.signals(["r2"])] == ["r2"]
        assert await store.signals([]) == []

    async def test_a_signal_to_nobody_is_an_error(self, store: Store) -> None:
        """And nothing of its set is written: nobody was woken, and no time was noted."""
        await rest(store, "r1", wake_at=NOW + 9)
        before = await store.run("r1")
        with pytest.raises(RunUnknown):
            await store.write(signal("r1", "s1", at=NOW + 1), signal("r0", "s1"))
        assert await store.signals(["r0", "r1"]) == []
        assert await store.run("r1") == before
        assert await store.write(signal("r1", "s1")) == (True,)

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_a_run_that_has_ended_hears_nothing(self, store: Store, state: RunState) -> None:
        """A cancel that comes too late is told so."""
        await end(store, "r1", state)
        with pytest.raises(WrongState):
            await store.write(signal("r1", "s1", Cancel()))
        assert (await known(store, "r1")).state == state
        assert await store.signals(["r1"]) == []

    async def test_a_repeated_signal_is_no_error_after_the_end(self, store: Store) -> None:
        """Whoever repeats the cancel that ended the run learns that it was heard."""
        held = await start(store, "r1")
        await store.write(signal("r1", "s1", Cancel()))
        await store.write(held.consume("s1"), held.move(RunState.CANCELLED))
        assert await store.write(signal("r1", "s1", Cancel())) == (False,)
        assert (await known(store, "r1")).state == RunState.CANCELLED

    @pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED, RunState.REFUSED])
    async def test_a_retry_queues_what_did_not_succeed(self, store: Store, state: RunState) -> None:
        """At once, unannounced, in the same attempt; the retry itself is pending."""
        held = await start(store, "r1")
        await store.write(held.move(state, attempt=4, ready_at=NOW + 99, error="E: why"))
        assert await store.write(retry("r1", "s1")) == (True,)
        run = await known(store, "r1")
        assert (run.state, run.attempt, run.ready_at) == (RunState.QUEUED, 4, 0)
        assert [run.id for run in await store.ready(NOW, 10, NOW)] == ["r1"]
        again = await take(store, "r1", "w2")
        assert ([s.kind for s in again.claimed.pending], again.fence) == (["retry"], 2)

    async def test_only_what_failed_can_be_retried(self, store: Store) -> None:
        """Not what is queued, held or waiting, nor what succeeded."""
        await store.write(birth("r1"))
        await start(store, "r2")
        await rest(store, "r3")
        await end(store, "r4", RunState.SUCCEEDED)
        for run in ("r1", "r2", "r3", "r4"):
            before = await store.run(run)
            with pytest.raises(WrongState):
                await store.write(retry(run, "s1"))
            assert await store.run(run) == before
        assert await store.signals(["r1", "r2", "r3", "r4"]) == []

    async def test_a_signal_wakes_a_waiting_run(self, store: Store) -> None:
        """It is queued, ready at once, unannounced, and waits for nothing any more."""
        held = await rest(store, "r1", wake_at=NOW + 99, ready_at=NOW + 99, waits_for="approval")
        await store.write(signal("r1", "s1", at=NOW + 3))
        run = await known(store, "r1")
        assert (run.state, run.ready_at, run.updated_at) == (RunState.QUEUED, 0, NOW + 3)
        assert (run.wake_at, run.waits_for, run.fence) == (None, "", held.fence)
        assert [run.id for run in await store.ready(NOW, 10, NOW)] == ["r1"]
        assert [s.id for s in (await take(store, "r1", "w1")).claimed.pending] == ["s1"]

    async def test_a_repeated_signal_does_not_wake_a_run_again(self, store: Store) -> None:
        """Its content is in the journal: there is nothing to wake for."""
        held = await start(store, "r1")
        await store.write(signal("r1", "s1"))
        await store.write(held.consume("s1"), held.move(RunState.WAITING, signals_seen=1))
        assert await store.write(signal("r1", "s1")) == (False,)
        assert (await known(store, "r1")).state == RunState.WAITING

    async def test_a_signal_leaves_a_run_that_does_not_wait_as_it_is(self, store: Store) -> None:
        """A held run stays with its worker, who finds it; a delayed one keeps its time."""
        held = await start(store, "r1", "w1")
        await store.write(birth("r2", ready_at=NOW + 9))
        before = [await store.run("r1"), await store.run("r2")]
        await store.write(signal("r1", "s1", at=NOW + 1), signal("r2", "s1", at=NOW + 1))
        assert [await store.run("r1"), await store.run("r2")] == before
        await store.write(held.append("goes on"))

    async def test_a_worker_is_told_which_of_its_runs_were_spoken_to(self, store: Store) -> None:
        """Until it consumes the signals; others' runs and runs nobody holds are not its business."""
        one, two = await start(store, "r1", "w1"), await start(store, "r2", "w1")
        await start(store, "r3", "w1")
        await start(store, "r4", "w2")
        await store.write(birth("r5"))
        for run in ("r1", "r2", "r4", "r5"):
            await store.write(signal(run, "s1"))
        await store.write(signal("r1", "s2"))
        assert sorted(await store.signalled("w1")) == ["r1", "r2"]
        await store.write(one.consume("s1", "s2"))
        await store.write(two.move(RunState.SUCCEEDED))
        assert await store.signalled("w1") == []
        assert await store.signalled("w2") == ["r4"]
        assert await store.signalled("w9") == []

    async def test_consumed_signals_are_gone_and_the_rest_stays_in_order(
        self, store: Store
    ) -> None:
        """Unknown ids and repetitions do no harm; another run's signals are not touched."""
        held = await start(store, "r1")
        await store.write(birth("r2"), signal("r1", "z"), signal("r1", "a"), signal("r1", "m"))
        await store.write(signal("r2", "a"))
        await store.write(held.consume("a", "nobody"))
        await store.write(held.consume("a"))
        assert [s.id for s in await store.signals(["r1"])] == ["z", "m"]
        assert [s.id for s in await store.signals(["r2"])] == ["a"]

    async def test_no_signal_is_lost_in_a_crowd(self, store: Store) -> None:
        """Many speak at once, some twice: each is kept once and counted once."""
        held = await start(store, "r1")
        names = [f"s{n % CROWD:03}" for n in range(2 * CROWD)]
        heard = await asyncio.gather(*[store.write(signal("r1", name)) for name in names])
        assert [new for (new,) in heard] == [True] * CROWD + [False] * CROWD
        assert [s.id for s in await store.signals(["r1"])] == names[:CROWD]
        assert await store.write(held.append()) == (CROWD,)

    async def test_a_signal_between_two_steps_is_in_the_next_count(self, store: Store) -> None:
        """The count of an append includes every signal written before it."""
        held = await start(store, "r1")
        said = store.write(signal("r1", "s1"))
        appended = store.write(held.append("a"))
        assert [*await asyncio.gather(said, appended)] == [(True,), (1,)]
