"""A new run of another process is claimed together with its first step; whoever comes too late is refused.

A claim of which nobody knows whether it was written leaves no run in the hands of nobody.
"""

import asyncio

from folkmoot.core.changes import Beat, Claim, Retire
from folkmoot.core.errors import StoreFault
from folkmoot.core.run import RunState
from folkmoot.core.task import Task
from folkmoot.flow.births import Births
from folkmoot.flow.intake import QUEUE, Intake
from folkmoot.flow.kit import Kits
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import says, turns


class Counting(MemoryStore):
    """Counts what is written to it, by what it is."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.sets: list[list[str]] = []

    async def write(self, *changes):
        self.sets.append([type(change).__name__ for change in changes])
        return await super().write(*changes)


async def elsewhere(moot: Harness) -> str:
    """Make a run as a process without a worker does, and say nothing of it here."""
    intake = Intake(moot.parts, Kits(moot.parts))
    return (await intake.submit(Task(agent="tester", input="Hello"))).run.id


async def test_the_claim_of_a_new_run_is_written_with_its_first_step() -> None:
    store = Counting()
    async with Harness(agent(), replies=turns(says("Hi.")), store=store) as moot:
        run = await elsewhere(moot)
        await moot.broker.put(QUEUE, run)
        assert (await moot.settled(run)).output == "Hi."
    (claimed,) = [each for each in store.sets if "Claim" in each]
    assert claimed[:2] == ["Claim", "Append"]


async def test_an_announcement_that_comes_twice_makes_one_run_of_it() -> None:
    async with Harness(agent(), replies=turns(says("Hi."))) as moot:
        run = await elsewhere(moot)
        for _ in range(3):
            await moot.broker.put(QUEUE, run)
        await moot.settled(run)
        await moot.broker.put(QUEUE, run)
        await moot.until(lambda: moot.dispatcher.active == 0)
        assert (await moot.kinds(run)).count("run.succeeded") == 1


async def test_a_run_that_another_worker_has_is_left_alone() -> None:
    async with Harness(agent(), replies=turns(says("Hi."))) as moot:
        run = await elsewhere(moot)
        await moot.store.write(Beat(worker="w2", ttl_ms=600_000))
        await moot.store.write(Claim(run=run, worker="w2", now=moot.clock.now()))
        await moot.broker.put(QUEUE, run)
        await asyncio.sleep(0)
        await moot.until(lambda: moot.dispatcher.active == 0)
        found = await moot.desk.run(run)
        assert (found.state, found.worker) == (RunState.RUNNING, "w2")


async def test_a_run_that_was_tried_before_is_claimed_before_it_is_looked_into() -> None:
    store = Counting()
    async with Harness(agent(), replies=turns(says("Hi.")), store=store) as moot:
        run = await elsewhere(moot)
        await moot.store.write(Claim(run=run, worker="dead", now=moot.clock.now()))
        await moot.rescue()
        assert (await moot.settled(run)).output == "Hi."
    assert ["Claim"] in store.sets[2:]


async def test_who_submits_much_goes_on_announcing_while_the_line_is_short() -> None:
    """The estimate of the line's length is corrected before it says that the line is full."""
    async with Harness(agent(), replies=turns(says("Hi."))) as moot:
        moot.parts.window = 4
        for _ in range(12):
            moot.clock.advance(0.1)
            assert (await moot.ask("Hello")).state == RunState.SUCCEEDED
        now = moot.clock.now()
        assert await moot.store.ready(now, 10, now + 1) == []


async def test_births_that_others_took_do_not_keep_out_the_later_ones() -> None:
    births = Births(limit=2)
    async with Harness(agent(), replies=turns(says("Hi."))) as moot:
        intake = Intake(moot.parts, Kits(moot.parts), births)
        runs = [(await intake.submit(Task(agent="tester", input=text))).run.id for text in "abc"]
    assert [births.take(run, "w1", 1) is not None for run in runs] == [False, True, True]


class Unsure(MemoryStore):
    """Writes some claims and then says that it could not."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.unsure = 0

    async def write(self, *changes):
        done = await super().write(*changes)
        if self.unsure and any(isinstance(change, Claim) for change in changes):
            self.unsure -= 1
            raise StoreFault("The connection is lost.", kept="Nobody knows.")
        return done


async def over(moot: Harness, run: str) -> list[str]:
    """Let what pauses go on until a run has its end; return its journal's kinds."""
    async with asyncio.timeout(5):
        while not (await moot.desk.run(run)).state.final:
            await asyncio.sleep(0)
            moot.clock.advance(0.1)
    return await moot.kinds(run)


async def test_a_birth_that_was_written_after_all_is_driven() -> None:
    store = Unsure()
    async with Harness(agent(), replies=turns(says("Hi.")), store=store) as moot:
        await asyncio.sleep(0)
        store.unsure = 1
        run = await moot.submit("Hello")
        assert (await over(moot, run.id))[-1] == "run.succeeded"


async def test_a_first_claim_that_was_written_after_all_is_driven() -> None:
    store = Unsure()
    async with Harness(agent(), replies=turns(says("Hi.")), store=store) as moot:
        store.unsure = 1
        run = await elsewhere(moot)
        await moot.broker.put(QUEUE, run)
        kinds = await over(moot, run)
    assert kinds[:3] == ["run.created", "model.called", "run.resumed"]


async def test_a_later_claim_that_was_written_after_all_is_driven_once() -> None:
    store = Unsure()
    async with Harness(agent(), replies=turns(says("Hi.")), store=store) as moot:
        run = await elsewhere(moot)
        await moot.store.write(Beat(worker="w2", ttl_ms=600_000))
        await moot.store.write(Claim(run=run, worker="w2", now=moot.clock.now()))
        await moot.store.write(Retire(worker="w2", at=moot.clock.now()))
        store.unsure = 1
        for _ in range(3):
            await moot.broker.put(QUEUE, run)
            await asyncio.sleep(0)
        kinds = await over(moot, run)
        await moot.until(lambda: moot.dispatcher.active == 0)
        assert (kinds.count("model.called"), kinds[-1]) == (1, "run.succeeded")


async def test_a_claim_that_was_not_written_is_left_to_the_queue() -> None:
    store = Failing()
    async with Harness(agent(), replies=turns(says("Hi.")), store=store) as moot:
        run = await elsewhere(moot)
        store.failing = 2
        await moot.broker.put(QUEUE, run)
        assert (await over(moot, run))[-1] == "run.succeeded"
    assert [report[0] for report in moot.reports] == ["claim_failed"] * 2


class Failing(MemoryStore):
    """Does not write some claims."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.failing = 0

    async def write(self, *changes):
        if self.failing and any(isinstance(change, Claim) for change in changes):
            self.failing -= 1
            raise StoreFault("The store is away.")
        return await super().write(*changes)
