"""Who holds a run: one worker at a time, and only while its fence is the run's."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from folkmoot.core import changes as c
from folkmoot.core.errors import BudgetSpent, LeaseLost
from folkmoot.core.run import FINAL, RunState
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import (
    CROWD,
    NOW,
    Held,
    birth,
    end,
    foreseen,
    known,
    rest,
    signal,
    start,
    take,
)

_FENCED: list[Callable[[Held], c.Change]] = [
    lambda held: held.append("late"),
    lambda held: held.append(),
    lambda held: held.move(RunState.SUCCEEDED),
    lambda held: held.hold("late", 1, 100),
    lambda held: held.settle("late", 0, 1),
    lambda held: held.consume("s1"),
]
_FENCED_IDS = ["append", "append-nothing", "move", "hold", "settle", "consume"]


def _claim(run: str, worker: str = "w1", now: int = NOW) -> c.Claim:
    return c.Claim(run=run, worker=worker, now=now)


class Claims:
    """Claim, and the fence that every write of a worker carries."""

    async def test_a_claim_gives_everything(self, store: Store) -> None:
        """The run as it is now, its whole journal, its signals: no second question is needed."""
        held = await start(store, "r1", "w1")
        await store.write(held.append("a", "b", "c"), signal("r1", "s1"), signal("r1", "s2"))
        await store.write(held.consume("s1"))
        await store.write(c.Retire(worker="w1", at=NOW))
        claimed = (await take(store, "r1", "w2", NOW + 5)).claimed
        assert claimed.run == await store.run("r1")
        assert (claimed.run.state, claimed.run.worker) == (RunState.RUNNING, "w2")
        assert claimed.run.updated_at == NOW + 5
        assert list(claimed.entries) == await store.entries("r1")
        assert (claimed.signals, [s.id for s in claimed.pending]) == (2, ["s2"])

    async def test_a_claim_raises_the_fence(self, store: Store) -> None:
        """Each claim by one."""
        held = await start(store, "r1")
        first = held.fence
        await store.write(held.move(RunState.QUEUED))
        assert first == 1
        assert (await take(store, "r1", "w1")).fence == first + 1

    async def test_what_cannot_be_had_is_none(self, store: Store) -> None:
        """Unknown, held, waiting: nobody gets it, nothing changes, and it is no error."""
        await start(store, "r1", "w1")
        await rest(store, "r2")
        before = [await store.run("r1"), await store.run("r2")]
        runs = ("r0", "r1", "r2")
        assert await store.write(*[_claim(run, "w2") for run in runs]) == (None, None, None)
        assert [await store.run("r1"), await store.run("r2")] == before

    async def test_who_comes_too_late_disturbs_nobody(self, store: Store) -> None:
        """An announcement that comes twice: the second claim is lost, the holder's journal goes on."""
        held = await start(store, "r1", "w1")
        assert await store.write(_claim("r1")) == (None,)
        await store.write(held.append("a"))
        assert await store.write(_claim("r1", "w2")) == (None,)
        await store.write(held.append("b"), held.move(RunState.SUCCEEDED))
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2, 3]

    async def test_a_look_shows_what_a_claim_would_give(self, store: Store) -> None:
        """But for the claim itself; what cannot be had is not shown."""
        await store.write(birth("r1"), birth("r2", ready_at=NOW + 1))
        await start(store, "r3")
        await rest(store, "r4")
        await store.write(signal("r1", "s1"))
        before = await store.run("r1")
        runs = ["r0", "r1", "r2", "r3", "r4"]
        (seen,) = await store.peek(runs, NOW)
        assert await store.run("r1") == before == seen.run
        claimed = (await take(store, "r1")).claimed
        assert (seen.entries, seen.signals) == (claimed.entries, claimed.signals)
        assert seen.pending == claimed.pending
        assert {found.run.id for found in await store.peek(runs, NOW + 1)} == {"r2"}

    async def test_what_was_looked_at_can_be_claimed_and_ended_at_once(self, store: Store) -> None:
        """The claim, an entry and the end in one set, under the fence that the claim will give."""
        await store.write(birth("r1"))
        (seen,) = await store.peek(["r1"], NOW)
        held = Held(c.Claimed(msgspec.structs.replace(seen.run, fence=1), seen.entries))
        claim = c.Claim(run="r1", worker="w1", now=NOW, read=False)
        await store.write(claim, held.append("a"), held.move(RunState.SUCCEEDED))
        assert (await known(store, "r1")).state == RunState.SUCCEEDED
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2]

    async def test_a_look_at_what_somebody_had_shows_no_journal(self, store: Store) -> None:
        """It is read with the claim, unless it is known: the rest is told, signals too."""
        held = await start(store, "r1", "w2")
        await store.write(held.append("a"), held.move(RunState.QUEUED))
        await store.write(signal("r1", "s1"))
        (seen,) = await store.peek(["r1"], NOW)
        assert (seen.entries, seen.signals, [s.id for s in seen.pending]) == ((), 1, ["s1"])
        assert (seen.run.fence, seen.run.head) == (1, 2)
        again = Held(
            msgspec.structs.replace(held.claimed, run=msgspec.structs.replace(seen.run, fence=2))
        )
        again.head = held.head
        claim = c.Claim(run="r1", worker="w1", now=NOW, read=False)
        await store.write(claim, again.append("b"), again.move(RunState.SUCCEEDED, signals_seen=1))
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2, 3]

    async def test_a_look_that_is_out_of_date_claims_nothing(self, store: Store) -> None:
        """Somebody else had the run since: its fence is another, and the set is refused whole."""
        await store.write(birth("r1"))
        (seen,) = await store.peek(["r1"], NOW)
        held = await take(store, "r1", "w2")
        await store.write(held.append("theirs"), held.move(RunState.QUEUED))
        late = Held(c.Claimed(msgspec.structs.replace(seen.run, fence=1), seen.entries))
        claim = c.Claim(run="r1", worker="w1", now=NOW, read=False)
        with pytest.raises(LeaseLost):
            await store.write(claim, late.append("ours"), late.move(RunState.SUCCEEDED))
        assert (await known(store, "r1")).state == RunState.QUEUED
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2]

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_what_has_ended_cannot_be_had(self, store: Store, state: RunState) -> None:
        """A final run is claimed by nobody."""
        await end(store, "r1", state)
        assert await store.write(_claim("r1")) == (None,)
        assert (await known(store, "r1")).state == state

    async def test_a_run_cannot_be_had_before_its_time(self, store: Store) -> None:
        """`ready_at` is the first moment."""
        await store.write(birth("r1", ready_at=NOW + 10))
        assert await store.write(_claim("r1", now=NOW + 9)) == (None,)
        assert (await take(store, "r1", "w1", NOW + 10)).run == "r1"

    async def test_a_lost_claim_leaves_its_set_alone(self, store: Store) -> None:
        """A dispatcher that asks for several runs gets those that are there."""
        await store.write(birth("r1"), birth("r3"))
        outcomes = await store.write(_claim("r1"), _claim("r2"), _claim("r3"), _claim("r1"))
        assert [x.run.id if isinstance(x, c.Claimed) else x for x in outcomes] == [
            "r1",
            None,
            "r3",
            None,
        ]

    async def test_a_claim_and_the_first_step_are_one_set(self, store: Store) -> None:
        """Whoever knows the run does not ask for its journal; what stands behind the claim counts."""
        new = birth("r1")
        await store.write(new)
        held, claim = foreseen(new)
        outcomes = await store.write(claim, held.append("permission"), held.hold("s", 5, 9))
        assert outcomes == (True, 0, None)
        run = await known(store, "r1")
        assert (run.state, run.worker, run.fence) == (RunState.RUNNING, "w1", 1)
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2]
        assert await store.spent("s") == (0, 5)
        assert await store.write(claim) == (None,)

    @pytest.mark.parametrize("why", ["held", "late", "early", "spent", "before"])
    async def test_a_claim_that_travels_fails_with_its_set(self, store: Store, why: str) -> None:
        """Another holds or held the run; it is too early; no money is left; the step stands first."""
        new = birth("r1", ready_at=NOW + 1 if why == "early" else 0)
        await store.write(new)
        held, claim = foreseen(new)
        if why in {"held", "late"}:
            other = await take(store, "r1", "w2")
            if why == "late":
                await store.write(other.append("a"), other.move(RunState.QUEUED))
        before = await store.run("r1"), await store.entries("r1")
        changes = [claim, held.append("permission"), held.hold("s", 5, 4 if why == "spent" else 9)]
        with pytest.raises(BudgetSpent if why == "spent" else LeaseLost):
            await store.write(*(reversed(changes) if why == "before" else changes))
        assert (await store.run("r1"), await store.entries("r1")) == before
        assert await store.spent("s") == (0, 0)
        ready = [run.id for run in await store.ready(NOW + 1, 1, 0)]
        assert ready == ([] if why == "held" else ["r1"])

    async def test_of_many_claimers_one_wins(self, store: Store) -> None:
        """However many ask at once, a run is held once."""
        await store.write(birth("r1"))
        writes = [store.write(_claim("r1", f"w{n}")) for n in range(CROWD)]
        won = [x for (x,) in await asyncio.gather(*writes) if isinstance(x, c.Claimed)]
        assert [x.run.fence for x in won] == [1]
        assert (await known(store, "r1")).worker == won[0].run.worker

    async def test_many_claimers_of_many_runs_get_each_run_once(self, store: Store) -> None:
        """No run is lost and none is given twice."""
        runs = [f"r{n}" for n in range(10)]
        await store.write(*[birth(run) for run in runs])
        writes = [store.write(_claim(run, f"w{n}")) for n in range(10) for run in runs]
        won = [x.run.id for (x,) in await asyncio.gather(*writes) if isinstance(x, c.Claimed)]
        assert sorted(won) == runs

    @pytest.mark.parametrize("change", _FENCED, ids=_FENCED_IDS)
    async def test_a_write_with_an_old_fence_is_refused(
        self, store: Store, change: Callable[[Held], c.Change]
    ) -> None:
        """A worker that was given up wakes and writes: nothing of its set is kept."""
        old = await start(store, "r1", "w1")
        await store.write(signal("r1", "s1"))
        await store.write(c.Retire(worker="w1", at=NOW))
        new = await take(store, "r1", "w2")
        await self._refused(store, old, change(old))
        await store.write(new.append("on time"))

    @pytest.mark.parametrize("state", [RunState.QUEUED, RunState.WAITING, RunState.FAILED])
    @pytest.mark.parametrize("change", _FENCED, ids=_FENCED_IDS)
    async def test_a_write_to_a_run_that_was_let_go_is_refused(
        self, store: Store, change: Callable[[Held], c.Change], state: RunState
    ) -> None:
        """The fence is still the run's, but nobody holds it."""
        held = await start(store, "r1")
        await store.write(signal("r1", "s1"))
        await store.write(held.move(state, signals_seen=1))
        await self._refused(store, held, change(held))

    async def _refused(self, store: Store, held: Held, change: c.Change) -> None:
        before = await store.run("r1"), await store.entries("r1"), await store.signals(["r1"])
        letter = c.Outbox(id="o", run="r1", topic="t", body=b"{}", at=NOW)
        with pytest.raises(LeaseLost):
            await store.write(letter, change)
        assert await store.outbox(NOW, 10) == []
        assert await store.spent("late") == (0, 0)
        after = await store.run("r1"), await store.entries("r1"), await store.signals(["r1"])
        assert after == before, f"a write with fence {held.fence} left a trace"

    @pytest.mark.parametrize("change", _FENCED, ids=_FENCED_IDS)
    async def test_a_fence_that_was_never_given_is_refused(
        self, store: Store, change: Callable[[Held], c.Change]
    ) -> None:
        """A fence from the future is as wrong as one from the past; so is a run from nowhere."""
        held = await start(store, "r1")
        held.fence += 1
        await self._refused(store, held, change(held))
        held.fence, held.run = 1, "r0"
        with pytest.raises(LeaseLost):
            await store.write(change(held))
