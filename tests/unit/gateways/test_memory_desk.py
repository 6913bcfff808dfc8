import asyncio

import pytest

from folkmoot.core import entries as e
from folkmoot.core.errors import (
    AgentUnknown,
    Denied,
    KeyReused,
    RunUnknown,
    StoreFault,
    TaskInvalid,
    WrongState,
)
from folkmoot.core.messages import ToolCall
from folkmoot.core.run import RunState
from folkmoot.core.signals import Cancel, Pause, Resume, Retry, Say, Vote
from folkmoot.core.task import Task
from folkmoot.ports.desk import Delta, Part
from folkmoot.ports.store import Query


def _task(**given):
    return Task(**{"agent": "reader", "input": "Read."} | given)


async def _follow(desk, run, after=0):
    return [item async for item in desk.follow(run, after)]


async def test_a_submitted_task_is_a_queued_run_with_its_first_entry(desk):
    submitted = await desk.submit(_task())
    assert submitted.new
    assert submitted.run.state is RunState.QUEUED
    assert [entry.kind for entry in await desk.journal(submitted.run.id)] == ["run.created"]


async def test_the_same_key_is_the_same_run_and_another_task_is_refused(desk):
    first = await desk.submit(_task(key="k"))
    again = await desk.submit(_task(key="k"))
    assert (again.new, again.run.id) == (False, first.run.id)
    with pytest.raises(KeyReused):
        await desk.submit(_task(key="k", input="Other."))
    assert (await desk.submit(_task(key="k", source="slack"))).new


async def test_what_cannot_become_a_run_is_refused(desk):
    with pytest.raises(AgentUnknown):
        await desk.submit(_task(agent="nobody"))
    with pytest.raises(TaskInvalid):
        await desk.submit(_task(priority="soon"))


async def test_a_follower_gets_every_entry_once_in_order_and_ends_with_the_run(desk, run):
    following = asyncio.create_task(_follow(desk, run))
    await asyncio.sleep(0)
    desk.write(run, e.ModelCalled(call="1", model="m"))
    desk.say(run, "Hel")
    desk.write(run, e.Succeeded(output="Hello"))
    items = await following
    assert [item.text if isinstance(item, Delta) else item.seq for item in items] == [
        1,
        2,
        "Hel",
        3,
    ]
    assert desk.following == 0
    assert [item.seq for item in await _follow(desk, run, after=2)] == [3]


async def test_a_follower_of_a_retried_run_passes_the_first_end(desk, run):
    desk.write(run, e.Failed(code="X", message="No."))
    await desk.tell(run, Retry())
    desk.write(run, e.Succeeded(output="Yes."))
    assert [item.kind for item in await _follow(desk, run)][-1] == "run.succeeded"


async def test_leaving_a_follower_lets_go_of_it(desk, run):
    items = desk.follow(run)
    await anext(items)
    assert desk.following == 1
    await items.aclose()
    assert desk.following == 0


async def test_signals_are_heard_once_and_only_in_a_state_that_allows_them(desk, run):
    assert await desk.tell(run, Say("More."), "k")
    assert not await desk.tell(run, Say("More."), "k")
    await desk.tell(run, Pause())
    assert (await desk.run(run)).waits_for == "resume"
    await desk.tell(run, Resume())
    with pytest.raises(WrongState):
        await desk.tell(run, Retry())
    await desk.tell(run, Cancel(by="ann"))
    assert (await desk.run(run)).state is RunState.CANCELLED
    with pytest.raises(WrongState):
        await desk.tell(run, Say("Too late."))
    await desk.tell(run, Retry())
    assert (await desk.run(run)).attempt == 2


async def test_a_question_stays_open_until_enough_agree(desk, run):
    desk.write(
        run, e.ModelReplied(call="1", model="m", calls=(ToolCall("c", "send", {"to": "x"}),))
    )
    desk.write(
        run,
        e.StepAsked(
            call="c",
            act="tool send",
            approval="a",
            digest="d",
            policy="p",
            reason="r",
            needs=2,
            by=("ann", "bob"),
        ),
    )
    for vote in (Vote("b", approve=True, by="ann"), Vote("b", approve=False)):
        with pytest.raises(WrongState):
            await desk.tell(run, vote)
    with pytest.raises(Denied):
        await desk.tell(run, Vote("a", approve=True, by="eve"))
    (question,) = await desk.questions()
    assert (question.args, question.act) == ({"to": "x"}, "tool send")
    await desk.tell(run, Vote("a", approve=True, by="ann"))
    assert (await desk.run(run)).waits_for == "approval"
    await desk.tell(run, Vote("a", approve=True, by="bob"))
    assert await desk.questions(run) == []
    assert (await desk.run(run)).state is RunState.RUNNING


async def test_runs_are_listed_newest_first_by_pages(desk):
    made = []
    for _ in range(3):
        made.insert(0, (await desk.submit(_task())).run.id)
        desk.clock.advance(1)
    assert [run.id for run in await desk.runs(Query(limit=2))] == made[:2]
    assert [run.id for run in await desk.runs(Query(before=made[1]))] == made[2:]
    assert await desk.runs(Query(states=(RunState.FAILED,))) == []
    assert (await desk.counts()).states == {"queued": 3}


async def test_a_touched_entry_is_found(desk, run):
    assert (await desk.verify()).broken == ()
    desk.tamper(run, 1, b"{}")
    (broken,) = (await desk.verify(run)).broken
    assert (broken.run, broken.seq) == (run, 1)


async def test_it_is_not_ready_when_a_critical_part_is_down(desk):
    assert (await desk.health()).ready
    desk.parts = (Part(name="traces", ok=False, critical=False),)
    assert (await desk.health()).ready
    desk.parts = (Part(name="store", ok=False),)
    assert not (await desk.health()).ready


async def test_a_fault_is_raised_by_every_answer(desk, run):
    desk.fault = StoreFault()
    for call in (desk.run(run), desk.counts(), desk.health(), desk.questions(), desk.verify()):
        with pytest.raises(StoreFault):
            await call
    with pytest.raises(StoreFault):
        await anext(desk.follow(run))


async def test_nothing_is_known_of_a_run_that_was_never_made(desk):
    for call in (desk.run("x"), desk.journal("x"), desk.tell("x", Say("?")), desk.verify("x")):
        with pytest.raises(RunUnknown):
            await call
    with pytest.raises(RunUnknown):
        await anext(desk.follow("x"))
