"""A run that is born into a free hand is written with its first step; otherwise it stands in line."""

import asyncio

import pytest

from folkmoot.core.agent import Budget
from folkmoot.core.errors import StoreFault
from folkmoot.core.run import RunState
from folkmoot.core.spend import Price
from folkmoot.core.steps import Reply
from folkmoot.core.verdict import Allow
from folkmoot.flow.intake import QUEUE
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import Held, says, turns


class Watched(MemoryStore):
    """Counts what is written and read, lets a write wait, or fail."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.sets: list[list[str]] = []
        self.reads = 0
        self.failing = 0
        self.gate: asyncio.Event | None = None

    async def write(self, *changes):
        names = [type(change).__name__ for change in changes]
        self.sets.append(names)
        if "CreateRun" in names:
            if self.failing:
                self.failing -= 1
                raise StoreFault("The disk is gone.", kept="Nothing.")
            if (gate := self.gate) is not None:
                done = await super().write(*changes)
                await gate.wait()
                return done
        return await super().write(*changes)

    async def run(self, run):
        self.reads += 1
        return await super().run(run)

    @property
    def births(self) -> list[list[str]]:
        return [names for names in self.sets if "CreateRun" in names]


def moot(store: Watched, **given) -> Harness:
    return Harness(agent(**given), replies=turns(says("Hi.")), store=store)


async def free(one: Harness) -> None:
    """Let the worker look and find nothing in line."""
    await asyncio.sleep(0)
    await one.until(lambda: one.dispatcher.active == 0)


async def being_born(one: Harness, store: Watched) -> tuple[asyncio.Future, asyncio.Event]:
    """Submit a task whose birth is written, and not yet answered until the event is set."""
    gate = store.gate = asyncio.Event()
    submitting = asyncio.ensure_future(one.submit("Hello"))
    await one.until(lambda: bool(store.births))
    store.gate = None
    return submitting, gate


async def test_birth_claim_and_the_first_permission_are_one_set():
    store = Watched()
    async with moot(store) as one:
        await free(one)
        run = await one.ask("Hello")
        assert (run.state, run.fence) == (RunState.SUCCEEDED, 1)
        kinds = await one.kinds(run.id)
    assert store.births == [["CreateRun", "PutBlob", "Claim", "Append"]]
    assert kinds == ["run.created", "model.called", "model.replied", "run.succeeded"]


async def test_the_observers_see_the_birth_first():
    async with moot(Watched()) as one:
        await free(one)
        run = await one.ask("Hello")
        assert [type(body) for body in one.entries] == [
            type(body) for body in await one.journal(run.id)
        ]


async def test_a_run_that_is_over_before_anybody_can_wait_is_not_looked_for():
    store = Watched()
    async with moot(store, program="parrot") as one:
        one.programs["parrot"] = lambda view, _: [Reply(view.task.input)]
        await free(one)
        made = await one.submit("Hello")
        assert (await one.settled(made.id)).output == "Hello"
        assert store.reads == 0
    assert [names for names in store.sets if "Append" in names] == [
        ["CreateRun", "PutBlob", "Claim", "Append", "Move"]
    ]


async def test_the_ends_of_runs_that_nobody_waits_for_do_not_pile_up():
    async with moot(Watched(), program="parrot") as one:
        one.programs["parrot"] = lambda view, _: [Reply(view.task.input)]
        for n in range(300):
            await free(one)
            await one.submit(str(n))
        assert len(one.parts.endings._early) == 256
        assert not one.parts.endings._expected


async def test_who_comes_while_all_hands_are_full_stands_in_line():
    store = Watched()
    one = Harness(agent(), replies=turns(says("Hi.")), store=store)
    one.concurrency = 1
    async with one:
        await free(one)
        first, second = await asyncio.gather(one.submit("1"), one.submit("2"))
        assert sorted("Claim" in names for names in store.births) == [False, True]
        for run in (first, second):
            assert (await one.settled(run.id)).state == RunState.SUCCEEDED


async def test_nobody_overtakes_what_stands_in_line():
    store, held = Watched(), Held(says("Hi."))
    one = Harness(agent(), replies=held, store=store)
    one.concurrency = 1
    async with one:
        await free(one)
        first = await one.submit("1")
        await held.asked.wait()
        runs = [first, await one.submit("2"), await one.submit("3")]
        assert [("Claim" in names) for names in store.births] == [True, False, False]
        held.go.set()
        await one.settled(first.id)
        runs.append(await one.submit("4"))  # at once: nobody has looked at the line since
        assert "Claim" not in store.births[-1]
        for run in runs:
            assert (await one.settled(run.id)).state == RunState.SUCCEEDED


@pytest.mark.parametrize("given", [{"key": "k"}, {"not_before": 1}])
async def test_what_may_be_a_run_already_or_is_for_later_is_not_adopted(given):
    store = Watched()
    async with moot(store) as one:
        await free(one)
        if "not_before" in given:
            given = {"not_before": one.clock.now() + 1000}
        await one.submit("Hello", **given)
    assert "Claim" not in store.births[0]


async def test_a_policy_that_asks_somebody_does_not_keep_the_submitter_waiting():
    class Elsewhere:
        name = "elsewhere"

        async def judge(self, _):
            await asyncio.sleep(0)
            return Allow("elsewhere")

    store = Watched()
    one = moot(store)
    one.policies.append(Elsewhere())
    async with one:
        await free(one)
        assert (await one.ask("Hello")).state == RunState.SUCCEEDED
    assert "Claim" not in store.births[0]


@pytest.mark.parametrize("seconds", [1.0, 60.0])
async def test_a_provider_that_must_not_be_asked_yet_does_not_keep_the_submitter_waiting(seconds):
    """The run is born and waits, in the worker's hands for a moment or in the store for long."""
    store = Watched()
    async with moot(store) as one:
        await free(one)
        await one.dispatcher._machine.rates.refused("function", seconds)
        run = await one.submit("Hello")
        found = await one.desk.run(run.id)
        assert found.state == (RunState.RUNNING if seconds < 2 else RunState.WAITING)
        assert await one.kinds(run.id) == ["run.created"]
        one.clock.advance(seconds + 1)
        await one.rescue()
        assert (await one.settled(run.id)).output == "Hi."
    assert "Claim" in store.births[0]


async def test_a_store_that_fails_once_makes_the_run_the_usual_way():
    store = Watched()
    async with moot(store) as one:
        await free(one)
        store.failing = 1
        assert (await one.ask("Hello")).state == RunState.SUCCEEDED
        assert [("Claim" in names) for names in store.births] == [True, False]


async def test_a_store_that_fails_is_told_to_who_submits_and_frees_the_hand():
    store = Watched()
    async with moot(store) as one:
        await free(one)
        store.failing = 2
        with pytest.raises(StoreFault):
            await one.submit("Hello")
        await free(one)
        assert (await one.ask("Again")).state == RunState.SUCCEEDED
        assert (await store.counts()).states == {"succeeded": 1}


async def test_a_run_whose_first_step_is_not_paid_for_is_born_and_ends():
    store = Watched()
    one = moot(store, budget=Budget(usd_per_day=1e-9))
    one.price = Price(input=1000, output=1000)
    async with one:
        await free(one)
        run = await one.ask("Hello")
        assert (run.state, run.error.split(":")[0]) == (RunState.FAILED, "BUDGET_SPENT")
        assert await one.kinds(run.id) == ["run.created", "gate.denied", "run.failed"]
    assert store.births[-1] == ["CreateRun", "PutBlob", "Claim", "Append", "Move"]


async def test_a_lane_that_holds_the_run_back_makes_it_stand_in_line():
    """Its breaker is open: the birth is written by itself, and the claim delays it."""
    store = Watched()
    async with moot(store, program="broken") as one:
        one.programs["broken"] = lambda _view, _agent: 1 // 0
        for _ in range(5):
            await free(one)
            assert (await one.ask("Hello")).state == RunState.FAILED
        await free(one)
        run = await one.submit("Hello")
        assert [("Claim" in names) for names in store.births[-2:]] == [True, False]
        await one.until(lambda: one.dispatcher.active == 0)
        await free(one)
        assert (await one.desk.run(run.id)).state == RunState.QUEUED


async def test_a_worker_that_stops_while_a_run_is_born_leaves_it_to_others():
    store = Watched()
    async with moot(store) as one:
        await free(one)
        submitting, gate = await being_born(one, store)
        await one.dispatcher.stop()
        gate.set()
        run = await submitting
        found = await one.desk.run(run.id)
        assert (found.state, found.worker) == (RunState.QUEUED, "")
        assert len(await one.raw(run.id)) == 2


async def test_a_submitter_that_gives_up_leaves_the_run_at_work():
    store = Watched()
    async with moot(store) as one:
        await free(one)
        submitting, gate = await being_born(one, store)
        submitting.cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await submitting
        await free(one)
        assert (await store.counts()).states == {"succeeded": 1}


async def test_a_room_that_shrank_gives_back_what_was_announced():
    """The worker had asked for one run; meanwhile it adopted another."""
    one = moot(Watched())
    one.concurrency = 1
    async with one:
        await free(one)
        adopted = await one.submit("1")
        await one.broker.put(QUEUE, "run_unknown")
        assert (await one.settled(adopted.id)).state == RunState.SUCCEEDED
        await free(one)
