"""From the queue to a worker: limits, spacing, breakers, delays, deadlines."""

import asyncio

import pytest

from folkmoot.core import lane
from folkmoot.core.agent import QueueUse
from folkmoot.core.breaker import FIRST_MS
from folkmoot.core.run import RunState
from folkmoot.core.steps import Ask
from folkmoot.core.task import DISCOVERY
from folkmoot.core.urgency import AGAIN_MS, FIRST_TRUST_MS
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import says


class Gated:
    """A model that answers when it is let."""

    def __init__(self):
        self.asked = asyncio.Semaphore(0)
        self.let = asyncio.Semaphore(0)
        self.at_once = self.most = 0

    async def __call__(self, _):
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.asked.release()
        await self.let.acquire()
        self.at_once -= 1
        return says("Done.")


async def seen(moot, run, happened):
    """Return a run as it is once something can be seen of it; nothing but turns of the loop passes."""
    while not happened(found := await moot.desk.run(run.id)):  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(0)
    return found


async def states(moot, runs):
    return [str((await moot.desk.run(run.id)).state) for run in runs]


async def test_no_more_runs_of_an_agent_are_at_work_than_may():
    model = Gated()
    async with Harness(agent(queue=QueueUse(concurrency=1)), replies=model) as moot:
        runs = [await moot.submit(str(n)) for n in range(3)]
        for _ in runs:
            await model.asked.acquire()
            at_work = runs[(await states(moot, runs)).index("running")]
            model.let.release()
            await moot.settled(at_work.id)
            await moot.rescue()
        assert await states(moot, runs) == ["succeeded"] * 3
        assert model.most == 1
        assert moot.reports == []


async def test_an_agent_that_keeps_failing_is_left_alone_until_its_time_is_over():
    replies = []

    def reply(_):
        replies.append(1)
        if len(replies) <= 5:
            raise KeyError
        return says("Well again.")

    async with Harness(agent(), replies=reply) as moot:
        for n in range(5):
            assert (await moot.ask(str(n))).state == RunState.FAILED
        held = await moot.submit("held back")
        assert [one.agent for one in await moot.desk.held_back()] == ["tester"]
        found = await seen(moot, held, lambda run: run.ready_at)
        assert found.state == RunState.QUEUED
        assert found.ready_at == moot.clock.now() + FIRST_MS
        assert (await moot.ask("now", force=True)).state == RunState.SUCCEEDED
        moot.clock.advance(FIRST_MS / 1000)
        await moot.rescue()
        assert (await moot.settled(held.id)).output == "Well again."
        assert await moot.store.records(lane.KIND) == []
        assert await moot.desk.held_back() == []
        assert not await moot.desk.clear("tester")


async def test_a_cleared_agent_goes_on_at_once():
    replies = [KeyError] * 5

    def reply(_):
        if replies:
            raise replies.pop()
        return says("Well again.")

    async with Harness(agent(), replies=reply) as moot:
        for n in range(5):
            await moot.ask(str(n))
        held = await moot.submit("held back")
        await seen(moot, held, lambda run: run.ready_at)
        later = await moot.submit("later", not_before=moot.clock.now() + 1)
        async with moot.broker.listen("queue.filled") as hints:
            assert await moot.desk.clear("tester")
            await anext(hints)
        await moot.rescue()
        assert (await moot.settled(held.id)).output == "Well again."
        assert (await moot.desk.run(later.id)).ready_at
        assert (await moot.ask("now")).output == "Well again."


async def test_work_that_looks_for_work_is_spaced():
    async with Harness(agent(), replies=lambda _: says("Looked.")) as moot:
        assert (await moot.ask("look", kind=DISCOVERY)).state == RunState.SUCCEEDED
        second = await moot.submit("look again", kind=DISCOVERY)
        assert (await moot.ask("a person asks")).state == RunState.SUCCEEDED
        found = await seen(moot, second, lambda run: run.ready_at)
        assert found.ready_at == moot.clock.now() + 900_000
        assert (await moot.ask("look", kind=DISCOVERY, force=True)).state == RunState.SUCCEEDED
        moot.clock.advance(900)
        await moot.rescue()
        assert (await moot.settled(second.id)).state == RunState.SUCCEEDED


async def test_a_delayed_run_begins_at_its_time():
    async with Harness(agent(), replies=lambda _: says("Late.")) as moot:
        run = await moot.submit("later", not_before=moot.clock.now() + 5_000)
        await moot.rescue()
        assert (await moot.desk.run(run.id)).state == RunState.QUEUED
        moot.clock.advance(5)
        await moot.rescue()
        assert (await moot.settled(run.id)).output == "Late."


async def test_a_run_that_waits_is_given_up_at_its_deadline():
    async with Harness(agent(), replies=lambda _: says("Never.")) as moot:
        moot.programs["loop"] = asks_for_ever
        run = await moot.submit("ask me", deadline=moot.clock.now() + 10_000)
        found = await moot.settled(run.id)
        assert (found.state, found.wake_at) == (RunState.WAITING, found.deadline)
        moot.clock.advance(10)
        await moot.rescue()
        found = await seen(moot, run, lambda run: run.state.final)
        assert found.error.startswith("DEADLINE_PASSED")


def asks_for_ever(view, _):
    return [] if view.question else [Ask("Still there?")]


async def test_an_announcement_by_who_may_have_died_is_trusted_for_a_short_time_only():
    model = Gated()
    moot = Harness(agent(), replies=model)
    moot.concurrency = 1
    async with moot:
        first = await moot.submit("takes the only place")
        await model.asked.acquire()
        second = await moot.submit("waits in the broker")
        now = moot.clock.now()
        assert await moot.store.ready(now, 10, now - AGAIN_MS) == []
        moot.clock.advance(FIRST_TRUST_MS / 1000 + 0.001)
        now = moot.clock.now()
        found = await moot.store.ready(now, 10, now - AGAIN_MS)
        assert [run.id for run in found] == [second.id]
        for run in (first, second):
            model.let.release()
            await moot.settled(run.id)


async def test_who_finds_the_line_full_tells_the_relay_now_and_then():
    async with Harness(agent(), replies=lambda _: says("Hi.")) as moot:
        moot.parts.window = 0
        async with moot.broker.listen("queue.filled") as hints:
            for n in range(5):  # a task with a key stands in line, however free the worker is
                await moot.submit("Hello", key=f"a{n}")
            moot.clock.advance(1)
            await moot.submit("Hello", key="b")
            await moot.submit("later", not_before=moot.clock.now() + 5_000)
            for _ in range(2):
                await anext(hints)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await anext(hints)
