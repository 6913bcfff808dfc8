"""How a run changes its state, and how it gets back into the queue."""

import pytest

from folkmoot.core import changes as c
from folkmoot.core.run import FINAL, RunState
from folkmoot.core.spend import Spend
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import (
    NOW,
    birth,
    end,
    known,
    rest,
    signal,
    start,
    take,
)

_AFTER = NOW + 1


class Moves:
    """Move, ready(), due(), Announced."""

    async def test_a_move_is_kept_whole(self, store: Store) -> None:
        """Every field of the change is in the run afterwards; the worker is let go."""
        held = await start(store, "r1")
        spend = Spend(10, 20, 30, 40, 5, 6)
        move = held.move(
            RunState.WAITING,
            at=NOW + 7,
            attempt=3,
            spend=spend,
            wake_at=NOW + 50,
            waits_for="approval",
            output="so far",
            error="E: why",
        )
        await store.write(held.append("a"), move)
        run = await known(store, "r1")
        assert (run.state, run.worker, run.fence) == (RunState.WAITING, "", held.fence)
        assert (run.updated_at, run.attempt, run.spend) == (NOW + 7, 3, spend)
        assert (run.wake_at, run.waits_for) == (NOW + 50, "approval")
        assert (run.head, run.head_hash) == (move.head, move.head_hash)
        assert (run.output, run.error) == ("so far", "E: why")
        assert run.created_at == NOW

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_a_run_can_end_in_each_final_state(self, store: Store, state: RunState) -> None:
        """And then nobody holds it."""
        held = await start(store, "r1")
        await store.write(held.move(state, output="o"))
        run = await known(store, "r1")
        assert (run.state, run.worker, run.output) == (state, "", "o")

    async def test_a_move_to_running_keeps_the_worker(self, store: Store) -> None:
        """A run may note where it stands without letting go."""
        held = await start(store, "r1", "w1")
        await store.write(held.move(RunState.RUNNING, spend=Spend(1)))
        run = await known(store, "r1")
        assert (run.state, run.worker, run.spend) == (RunState.RUNNING, "w1", Spend(1))
        await store.write(held.append("goes on"))

    async def test_a_move_does_not_shut_out_its_neighbours(self, store: Store) -> None:
        """Fences count as they stood before the set, wherever in it the move stands."""
        held = await start(store, "r1")
        await store.write(signal("r1", "s1"), held.hold("s", 5, 9))
        await store.write(
            held.move(RunState.SUCCEEDED),
            held.append("last words"),
            held.settle("s", 5, 4),
            held.consume("s1"),
        )
        assert (await known(store, "r1")).state == RunState.SUCCEEDED
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2]
        assert await store.spent("s") == (4, 0)
        assert await store.signals(["r1"]) == []

    async def test_a_retried_run_counts_its_attempts(self, store: Store) -> None:
        """A poisoned run reaches its last attempt: the number is kept, not begun anew."""
        held = await start(store, "r1")
        for attempt in (2, 3, 4):
            at = NOW + attempt
            await store.write(held.move(RunState.QUEUED, attempt=attempt, ready_at=at))
            assert (await known(store, "r1")).ready_at == at
            assert await store.ready(at - 1, 10, _AFTER) == []
            held = await take(store, "r1", "w1", at)
            assert held.claimed.run.attempt == attempt

    async def test_no_signal_is_slept_through(self, store: Store) -> None:
        """A run that would wait is queued instead when somebody spoke meanwhile."""
        held = await start(store, "r1")
        await store.write(signal("r1", "s1"), c.Announced(runs=("r1",), at=NOW))
        await store.write(
            held.move(RunState.WAITING, wake_at=NOW + 50, waits_for="x", signals_seen=0)
        )
        run = await known(store, "r1")
        assert (run.state, run.wake_at, run.waits_for) == (RunState.QUEUED, None, "")
        assert (run.ready_at, run.worker) == (0, "")
        assert [run.id for run in await store.ready(NOW, 10, NOW)] == ["r1"]

    async def test_a_second_signal_is_not_taken_for_the_first(self, store: Store) -> None:
        """One was seen and written down, another came: all that were ever sent count."""
        held = await start(store, "r1")
        await store.write(signal("r1", "s1"))
        await store.write(held.consume("s1"), held.append("what s1 said"))
        await store.write(signal("r1", "s2"))
        await store.write(held.move(RunState.WAITING, signals_seen=1))
        assert (await known(store, "r1")).state == RunState.QUEUED

    async def test_a_run_that_knows_its_signals_may_wait(self, store: Store) -> None:
        """Seen counts, consumed or not."""
        held = await start(store, "r1")
        await store.write(signal("r1", "s1"), signal("r1", "s2"))
        await store.write(held.consume("s1"), held.move(RunState.WAITING, signals_seen=2))
        assert (await known(store, "r1")).state == RunState.WAITING

    async def test_a_signal_does_not_hold_up_an_end(self, store: Store) -> None:
        """Only sleeping is prevented; what nobody consumed stays for a retry."""
        held = await start(store, "r1")
        await store.write(signal("r1", "s1"))
        await store.write(held.move(RunState.FAILED, signals_seen=0))
        assert (await known(store, "r1")).state == RunState.FAILED
        assert [s.id for s in await store.signals(["r1"])] == ["s1"]

    async def test_the_most_urgent_run_is_ready_first_then_the_oldest(self, store: Store) -> None:
        """Priority by meaning, not by alphabet; then by id; at most `limit`."""
        wanted = [("c1", "critical"), ("c2", "critical"), ("h", "high"), ("a", "normal")]
        wanted += [("n", "normal"), ("b", "low")]
        for run, priority in reversed(wanted):
            await store.write(birth(run, priority=priority))
        order = [run for run, _ in wanted]
        assert [run.id for run in await store.ready(NOW, 10, 0)] == order
        assert [run.id for run in await store.ready(NOW, 4, 0)] == order[:4]

    async def test_only_queued_runs_whose_time_has_come_are_ready(self, store: Store) -> None:
        """Held, waiting, ended and delayed ones are not."""
        await start(store, "r1")
        await rest(store, "r2")
        await end(store, "r3")
        await store.write(birth("r4", ready_at=NOW + 1), birth("r5", ready_at=NOW))
        assert [run.id for run in await store.ready(NOW, 10, _AFTER)] == ["r5"]
        assert [run.id for run in await store.ready(NOW + 1, 10, _AFTER)] == ["r4", "r5"]

    async def test_what_was_announced_is_not_ready_for_a_while(self, store: Store) -> None:
        """Never announced, or before that time; announcing what is not queued does nothing."""
        await store.write(birth("r1"), birth("r2"))
        await store.write(c.Announced(runs=("r1", "r0"), at=NOW))
        assert [run.id for run in await store.ready(NOW, 10, 0)] == ["r2"]
        assert [run.id for run in await store.ready(NOW, 10, NOW)] == ["r2"]
        assert [run.id for run in await store.ready(NOW, 10, _AFTER)] == ["r1", "r2"]

    async def test_a_run_that_is_queued_again_must_be_announced_again(self, store: Store) -> None:
        """By a move, by a signal, by a rescue."""
        for run in ("r1", "r2", "r3"):
            await store.write(birth(run))
            await store.write(c.Announced(runs=(run,), at=NOW))
        one, two, three = [await take(store, run, "w1") for run in ("r1", "r2", "r3")]
        await store.write(one.move(RunState.QUEUED), two.move(RunState.WAITING))
        await store.write(signal("r2", "s1"), three.append("a"))
        await store.write(c.Retire(worker="w1", at=NOW))
        assert [run.id for run in await store.ready(NOW, 10, NOW)] == ["r1", "r2", "r3"]

    async def test_due_is_the_next_time_that_somebody_wants(self, store: Store) -> None:
        """Of waiting runs that wake by themselves and of delayed ones; nothing else."""
        assert await store.due() is None
        await store.write(birth("r1"))
        await rest(store, "r2")
        await start(store, "r3")
        assert await store.due() is None
        await store.write(birth("r4", ready_at=NOW + 30))
        assert await store.due() == NOW + 30
        await rest(store, "r5", wake_at=NOW + 20)
        assert await store.due() == NOW + 20
        await store.write(signal("r5", "s1"))
        assert await store.due() == NOW + 30
