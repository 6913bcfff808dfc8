"""What open runs would do next under another definition; nothing of it is written."""

import msgspec
import pytest

from folkmoot.core import signals
from folkmoot.core.agent import Approval, Limits, ModelChoice, Output, Retry, ToolUse
from folkmoot.core.errors import ModelRejected
from folkmoot.core.messages import ToolCall
from folkmoot.core.run import RunState
from folkmoot.flow import upgrade
from folkmoot.flow.upgrade import Difference, foresee
from folkmoot.ports.store import Query
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.probe import Probe
from folkmoot.testing.replies import Held, calls, says, turns

OLD = agent(tools=(ToolUse("look"),), approvals=(Approval(match="tool:look"),))
PLAIN = agent()


def other(was=OLD, **fields):
    return msgspec.structs.replace(was, **fields)


async def seen(moot, *agents):
    """What is foreseen; and everything in the store is as it was."""
    runs = await moot.store.runs(Query(limit=1000))
    before = [await moot.raw(run.id) for run in runs]
    found = [one async for one in foresee(moot.parts, agents)]
    assert await moot.store.runs(Query(limit=1000)) == runs
    assert [await moot.raw(run.id) for run in runs] == before
    return found


@pytest.fixture
async def waiting():
    """A run that waits for a person, before its one tool call."""
    replies = turns(calls(ToolCall("c1", "look", {"at": "sky"})), says("Blue."))
    async with Harness(OLD, replies=replies, tools=[Probe(), Probe(name="peek")]) as moot:
        run = await moot.ask("Look.")
        assert run.state is RunState.WAITING
        yield moot


@pytest.fixture
async def asking():
    """A run whose model is being asked."""
    held = Held(says("Blue."))
    async with Harness(PLAIN, replies=held, tools=[Probe()]) as moot:
        moot.held = held
        moot.run = await moot.submit("Look.")
        await held.asked.wait()
        yield moot


async def test_a_run_of_the_same_definition_is_not_looked_at(waiting):
    assert await seen(waiting, OLD) == []
    assert await seen(waiting, agent("nobody")) == []


async def test_what_makes_no_difference_to_a_run_makes_none(waiting):
    [found] = await seen(waiting, other(description="New.", labels={"a": "b"}))
    assert (found.next, found.later, found.fault) == ((), (), "")


@pytest.mark.parametrize(
    ("fields", "difference"),
    [
        ({"tools": ()}, Difference("tool", "of effect pure", "there is no such tool")),
        ({"approvals": ()}, Difference("gate", "needs 1 to agree", "allowed without asking")),
        (
            {"approvals": (Approval(match="tool:look", by=("ann", "bob"), needs=2),)},
            Difference("gate", "needs 1 to agree", "needs 2 of ann, bob to agree"),
        ),
    ],
    ids=["tool gone", "nobody asked", "others asked"],
)
async def test_a_call_that_waits_would_find_another_answer(waiting, fields, difference):
    [found] = await seen(waiting, other(**fields))
    assert found.next == (difference,)
    assert [one.what for one in found.later] == list(fields)


async def test_a_rule_that_forbids_the_call_is_named(waiting):
    [found] = await seen(waiting, other(denies=("tool:look",)))
    [one] = found.next
    assert one.now.startswith("denied (grants)")


async def test_a_limit_that_is_passed_already_ends_the_run(waiting):
    waiting.clock.advance(60)
    [found] = await seen(waiting, other(limits=Limits(seconds=30.0)))
    [one] = found.next
    assert (one.what, one.now.partition(":")[0]) == ("gate", "ends the run (limits)")
    assert [(one.what) for one in found.later] == ["limits"]


async def test_what_comes_after_the_next_step_is_told_as_later(waiting):
    [found] = await seen(waiting, other(instructions="Otherwise."))
    assert (found.next, found.fault) == ((), "")
    assert found.later == (Difference("instructions", "You are tested.", "Otherwise."),)


async def test_a_question_to_a_model_is_compared_in_all_that_it_is_shown(asking):
    new = other(
        PLAIN,
        instructions="Otherwise.",
        model=ModelChoice(provider="function", name="other", settings={"temperature": 0}),
        tools=(ToolUse("look"),),
    )
    [found] = await seen(asking, new)
    assert found.run.state is RunState.RUNNING
    assert [one.what for one in found.next] == [
        "model",
        "model's settings",
        "instructions",
        "tools shown",
        "tools' schemas",
    ]
    assert found.next[3] == Difference("tools shown", "none", "look")


async def test_a_reply_that_would_not_fit_is_sent_back(asking):
    await asking.desk.tell(asking.run.id, signals.Pause(by="ann"))
    await asking.dispatcher.poke(asking.run.id)
    asking.held.go.set()
    assert (await asking.settled(asking.run.id)).waits_for == "resume"
    [found] = await seen(asking, other(PLAIN, output=Output(schema={"type": "object"})))
    assert found.next == (Difference("next step", "reply", "send the reply back"),)


async def test_an_attempt_that_comes_after_a_failure_begins_anew():
    def fails(_):
        raise ModelRejected

    old = agent(retry=Retry(attempts=2, delay_s=600.0))
    async with Harness(old, replies=fails) as moot:
        run = await moot.submit("Look.")
        await moot.until(lambda: any(type(body).__name__ == "Failed" for body in moot.entries))
        assert (await moot.store.run(run.id)).state is RunState.QUEUED
        [found] = await seen(moot, other(old, instructions="Otherwise."))
    assert [one.what for one in found.next] == ["instructions"]


async def test_what_cannot_be_foreseen_is_said(waiting):
    [found] = await seen(waiting, other(program="unheard"))
    assert "unheard" in found.fault


async def test_a_program_that_breaks_is_a_difference(waiting):
    def breaks(view, agent):
        raise ZeroDivisionError("Oops.")

    waiting.programs["broken"] = breaks
    [found] = await seen(waiting, other(program="broken"))
    assert found.next[0].now == "the program breaks: ZeroDivisionError: Oops."


async def test_runs_that_ended_are_left_alone_and_all_others_are_found(monkeypatch):
    monkeypatch.setattr(upgrade, "_PAGE", 2)
    replies = turns(calls("look"), says("Blue."))
    async with Harness(OLD, replies=replies, tools=[Probe()]) as moot:
        runs = [(await moot.ask(f"Look {number}.")).id for number in range(5)]
        await moot.desk.tell(runs[0], signals.Cancel(by="ann"))
        await moot.dispatcher.poke_all()
        await moot.rescue()
        assert (await moot.settled(runs[0])).state is RunState.CANCELLED
        found = await seen(moot, other(instructions="Otherwise."))
    assert sorted(one.run.id for one in found) == sorted(runs[1:])
