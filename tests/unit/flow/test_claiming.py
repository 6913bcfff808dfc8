"""A new run of another process is claimed together with its first step; whoever comes too late is refused."""

import asyncio

from folkmoot.core.changes import Beat, Claim
from folkmoot.core.run import RunState
from folkmoot.core.task import Task
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
