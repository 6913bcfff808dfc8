"""How runs come to be: once for each key, whole or not at all."""

import asyncio

import msgspec
import pytest

from folkmoot.core import changes as c
from folkmoot.core.entries import Created, Head, write
from folkmoot.core.errors import BudgetSpent, Conflict, Invalid, JournalBroken, KeyReused, LeaseLost
from folkmoot.core.run import RunState
from folkmoot.core.spend import Spend
from folkmoot.core.task import Task
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import CROWD, NOW, birth, foreseen, known, start


class Births:
    """CreateRun."""

    async def test_a_new_run_reads_back_as_it_was_written(self, store: Store) -> None:
        """Every field survives, text of any script and NUL included."""
        change = birth(
            "r1",
            agent="reader",
            priority="critical",
            source="cron",
            ready_at=NOW + 1,
            deadline=NOW + 2,
            labels={"a": "b", "ключ\0": "\U0001f98a\r\n\u2028"},
            spend=Spend(1, 2, 3, 4, 5, 6),
            output="out\0put",
            error="E: œuvre",
        )
        assert await store.write(change) == (c.Born("r1", new=True),)
        assert await store.run("r1") == change.run
        assert await store.entries("r1") == list(change.entries)

    async def test_what_is_not_there_is_not_found(self, store: Store) -> None:
        """Unknown names read as nothing, not as errors."""
        assert await store.run("r0") is None
        assert await store.entries("r0") == []
        assert await store.signals(["r0"]) == []
        assert await store.blob("00") is None
        assert await store.spent("nobody") == (0, 0)

    async def test_an_id_is_given_once(self, store: Store) -> None:
        """A second run with the id of a first is refused, and the first is untouched."""
        first = birth("r1")
        await store.write(first)
        with pytest.raises(Conflict):
            await store.write(birth("r1", agent="other"))
        with pytest.raises(Conflict):
            await store.write(birth("r2"), birth("r2"))
        assert await store.run("r1") == first.run
        assert await store.run("r2") is None

    @pytest.mark.parametrize(("run", "seq"), [("r1", 0), ("r1", 2), ("other", 1)])
    async def test_a_journal_begins_with_its_own_entry_one(
        self, store: Store, run: str, seq: int
    ) -> None:
        """A run whose journal starts elsewhere is not written."""
        body = Created(task=Task(agent="sample", input="x"), definition="d")
        entry = write(Head(seq - 1), run, NOW, body)
        with pytest.raises(JournalBroken):
            await store.write(msgspec.structs.replace(birth("r1"), entries=(entry,)))
        assert await store.run("r1") is None

    async def test_the_same_key_is_the_same_run(self, store: Store) -> None:
        """A repeated trigger gets the first run back, and nothing of its set is written."""
        await store.write(birth("r1", key="k"))
        letter = c.Outbox(id="o", run="r2", topic="t", body=b"{}", at=NOW)
        assert await store.write(birth("r2", key="k"), letter) == (c.Born("r1", new=False), None)
        assert await store.run("r2") is None
        assert await store.outbox(NOW, 10) == []

    async def test_a_key_is_known_after_its_run_has_ended(self, store: Store) -> None:
        """Whatever became of the run, its trigger does not make another."""
        held = await start(store, "r1", key="k")
        await store.write(held.move(RunState.CANCELLED))
        assert await store.write(birth("r2", key="k")) == (c.Born("r1", new=False),)

    async def test_a_key_with_another_task_is_refused(self, store: Store) -> None:
        """The error names the first run, which stays."""
        await store.write(birth("r1", key="k", fingerprint="one"))
        with pytest.raises(KeyReused) as caught:
            await store.write(birth("r2", key="k", fingerprint="two"))
        assert caught.value.details["run"] == "r1"
        assert await store.run("r2") is None

    async def test_sources_do_not_share_keys(self, store: Store) -> None:
        """Message 7 of one gateway is not message 7 of another."""
        await store.write(birth("r1", key="k", source="slack"))
        outcome = await store.write(birth("r2", key="k", source="hub", fingerprint="other"))
        assert outcome == (c.Born("r2", new=True),)

    async def test_runs_without_a_key_are_all_new(self, store: Store) -> None:
        """No key means no idempotency, also within one set."""
        outcomes = await store.write(birth("r1"), birth("r2"))
        assert outcomes == (c.Born("r1", new=True), c.Born("r2", new=True))
        assert await store.write(birth("r3")) == (c.Born("r3", new=True),)

    async def test_a_key_comes_first_in_its_set(self, store: Store) -> None:
        """Otherwise it would be unclear what a repetition leaves of the set."""
        with pytest.raises(Invalid):
            await store.write(birth("r1"), birth("r2", key="k"))
        with pytest.raises(Invalid):
            await store.write(birth("r3", key="k"), birth("r4", key="k"))
        assert [await store.run(f"r{n}") for n in range(1, 5)] == [None] * 4
        assert await store.write(birth("r5", key="k")) == (c.Born("r5", new=True),)
        with pytest.raises(Invalid):
            await store.write(birth("r6", key="k"), birth("r7", key="l"))

    async def test_a_set_that_failed_leaves_its_key_free(self, store: Store) -> None:
        """The trigger comes again, and then it must not be taken for a repetition."""
        held = await start(store, "r0")
        with pytest.raises(BudgetSpent):
            await store.write(birth("r1", key="k"), held.hold("s", 2, 1))
        assert await store.run("r1") is None
        assert await store.entries("r1") == []
        assert await store.write(birth("r2", key="k")) == (c.Born("r2", new=True),)

    async def test_of_many_with_one_key_one_is_born(self, store: Store) -> None:
        """Two gateways that hear the same event at the same time make one run."""
        writes = [store.write(birth(f"r{n}", key="k")) for n in range(CROWD)]
        born = [outcome for (outcome,) in await asyncio.gather(*writes)]
        assert sorted(str(x.new) for x in born if isinstance(x, c.Born)) == (
            ["False"] * (CROWD - 1) + ["True"]
        )
        assert {x.run for x in born if isinstance(x, c.Born)} == {"r0"}
        assert (await store.counts()).states == {"queued": 1}

    async def test_an_announced_birth_is_left_alone_by_the_relay(self, store: Store) -> None:
        """`announced_at` says that the caller puts the run into the broker."""
        await store.write(msgspec.structs.replace(birth("r1"), announced_at=NOW))
        assert await store.ready(NOW, 10, NOW) == []
        assert [run.id for run in await store.ready(NOW, 10, NOW + 1)] == ["r1"]

    async def test_a_run_may_be_born_refused(self, store: Store) -> None:
        """A run that was never allowed to begin is kept, and nobody gets it."""
        await store.write(birth("r1", state=RunState.REFUSED))
        assert (await known(store, "r1")).state == RunState.REFUSED
        assert await store.write(c.Claim(run="r1", worker="w1", now=NOW)) == (None,)

    async def test_a_run_may_be_born_in_hands(self, store: Store) -> None:
        """Birth, claim and the first step are one set: the run was never in the queue."""
        new = birth("r1")
        held, claim = foreseen(new)
        outcomes = await store.write(new, claim, held.append("permission"), held.hold("s", 5, 9))
        assert outcomes == (c.Born("r1", new=True), True, 0, None)
        run = await known(store, "r1")
        assert (run.state, run.worker, run.fence) == (RunState.RUNNING, "w1", 1)
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2]
        assert (await store.counts()).states == {"running": 1}
        assert await store.ready(NOW, 10, NOW + 1) == []
        await store.write(
            held.settle("s", 5, 4), held.append("done"), held.move(RunState.SUCCEEDED)
        )
        assert (await known(store, "r1")).state == RunState.SUCCEEDED
        assert (await store.counts()).states == {"succeeded": 1}

    async def test_a_run_may_be_born_in_hands_and_end_at_once(self, store: Store) -> None:
        """What has nothing to wait for is one set from its birth to its end."""
        new = birth("r1")
        held, claim = foreseen(new)
        await store.write(new, claim, held.append("done"), held.move(RunState.SUCCEEDED))
        run = await known(store, "r1")
        assert (run.state, run.worker, run.fence, run.head) == (RunState.SUCCEEDED, "", 1, 2)
        assert (await store.counts()).states == {"succeeded": 1}

    async def test_a_run_that_was_born_in_hands_is_given_back(self, store: Store) -> None:
        """Its worker leaves, as if it had claimed the run later."""
        new = birth("r1")
        held, claim = foreseen(new)
        await store.write(new, claim, held.append("permission"))
        assert await store.write(c.Retire(worker="w1", at=NOW)) == (("r1",),)
        run = await known(store, "r1")
        assert (run.state, run.fence) == (RunState.QUEUED, 2)
        with pytest.raises(LeaseLost):
            await store.write(held.append("late"))

    @pytest.mark.parametrize("why", ["spent", "full", "before"])
    async def test_a_birth_in_hands_fails_whole(self, store: Store, why: str) -> None:
        """No money is left, its lane holds it back, the step stands first: then there is no run."""
        limit = 1 if why == "full" else 0
        if why == "full":
            await start(store, "r0", limit=limit)
        new = birth("r1", limit=limit)
        held, claim = foreseen(new)
        changes: list[c.Change] = [
            new,
            claim,
            held.append("permission"),
            held.hold("s", 5, 4 if why == "spent" else 9),
        ]
        if why == "before":
            changes[1], changes[2] = changes[2], changes[1]
        with pytest.raises(BudgetSpent if why == "spent" else LeaseLost):
            await store.write(*changes)
        assert await store.run("r1") is None
        assert await store.entries("r1") == []
        assert await store.spent("s") == (0, 0)
        assert await store.write(new) == (c.Born("r1", new=True),)
        assert (await known(store, "r1")) == new.run

    async def test_births_in_hands_and_others_stand_side_by_side(self, store: Store) -> None:
        """Many at once, some of whom fail: each is whole, and those who fail leave nothing."""
        writes = []
        for n in range(CROWD):
            new = birth(f"r{n:03}")
            held, claim = foreseen(new)
            step = held.hold("s", 1, CROWD // 2)
            kinds = [(new,), (new, claim, held.append("a"), step)]
            writes.append(store.write(*kinds[n % 2]))
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert not [x for x in outcomes if isinstance(x, BaseException)]
        assert (await store.counts()).states == {"queued": CROWD // 2, "running": CROWD // 2}
        late = birth("late")
        held, claim = foreseen(late)
        with pytest.raises(BudgetSpent):
            await store.write(late, claim, held.append("a"), held.hold("s", 1, CROWD // 2))
        assert await store.run("late") is None
