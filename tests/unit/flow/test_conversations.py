"""Continuous agents: one message at a time, each with its answer, whatever happens between."""

import asyncio

import pytest

from folkmoot.core.agent import (
    Approval,
    Budget,
    Context,
    Continuous,
    Limits,
    Output,
    Retry,
    ToolUse,
)
from folkmoot.core.changes import Prune
from folkmoot.core.errors import (
    KeyReused,
    MessageUnknown,
    ModelAuth,
    ModelRejected,
    ModelTimeout,
    TaskInvalid,
)
from folkmoot.core.messages import Answered, Returned, Said
from folkmoot.core.run import RunState
from folkmoot.core.signals import Cancel, Pause, Resume, Say, Vote
from folkmoot.core.signals import Retry as TryAgain
from folkmoot.core.spend import Price
from folkmoot.core.steps import Ask, CallModel, Reply
from folkmoot.core.task import ReplyTo
from folkmoot.flow.delivery import Delivery
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.probe import Probe
from folkmoot.testing.replies import Held, calls, says

LOOK = (ToolUse("look"),)


def talker(**fields):
    return agent(mode="continuous", **fields)


def last_said(request):
    return next(m.text for m in reversed(request.messages) if isinstance(m, Said))


def echo(request):
    """Answer with the last words and how many messages were shown."""
    return says(f"{last_said(request)} ({len(request.messages)})")


async def say(moot, text, conversation="c", **fields):
    """Submit a message; return what was submitted."""
    return await moot.desk.submit(moot.task(text, conversation=conversation, **fields))


async def ask(moot, text, conversation="c", **fields):
    """Submit a message and wait for its answer."""
    submitted = await say(moot, text, conversation, **fields)
    return await moot.desk.answer(submitted.run.id, submitted.message, 5.0)


async def settled(moot, run, waits_for):
    """Wait until a run waits for that (or, for "", has ended)."""
    while True:
        kept = await moot.settled(run)
        if kept.waits_for == waits_for and (waits_for or kept.state.final):
            return kept
        await asyncio.sleep(0)


async def rested(moot, run):
    """Wait until the run of a conversation rests."""
    return await settled(moot, run, "message")


async def test_a_conversation_is_one_run_and_each_message_has_its_answer() -> None:
    async with Harness(talker(), replies=echo) as moot:
        one, two = await ask(moot, "one"), await ask(moot, "two")
        other = await ask(moot, "three", "d")
        kept = await rested(moot, one.run)
        kinds = await moot.kinds(one.run)
    assert [one.output, two.output, other.output] == ["one (1)", "two (3)", "three (1)"]
    assert one.run == two.run != other.run
    assert (kept.state, kept.output, kept.source) == (RunState.WAITING, "two (3)", "conversation")
    assert kinds == ["run.created"] + 2 * ["said", "model.called", "model.replied", "run.answered"]


async def test_a_task_without_a_conversation_is_a_run_of_its_own() -> None:
    async with Harness(talker(), replies=echo) as moot:
        run = await moot.ask("alone")
    assert (run.state, run.output) == (RunState.SUCCEEDED, "alone (1)")


async def test_only_continuous_agents_hold_conversations() -> None:
    async with Harness(agent(), agent("t2", mode="continuous"), replies=echo) as moot:
        with pytest.raises(TaskInvalid, match="holds no conversations"):
            await say(moot, "one")
        with pytest.raises(TaskInvalid, match="for later"):
            await say(moot, "one", agent="t2", not_before=1)
        with pytest.raises(TaskInvalid, match="at most 200"):
            await say(moot, "one", "x" * 201, agent="t2")
        run = await moot.ask("one")
        with pytest.raises(MessageUnknown):
            await moot.desk.answer(run.id, "msg_none")


async def test_messages_wait_while_an_answer_is_made_and_are_taken_in_order() -> None:
    held, begun = Held(calls("look")), []

    async def reply(request):
        begun.append(last_said(request))
        if isinstance(request.messages[-1], Said) and last_said(request) == "one":
            return await held(request)
        return says(f"re {last_said(request)}")

    async with Harness(talker(tools=LOOK), replies=reply, tools=[Probe()]) as moot:
        one = await say(moot, "one")
        await held.asked.wait()
        rest = [await say(moot, text) for text in ("two", "three")]
        await moot.desk.tell(one.run.id, Say("four", "ann"), key="s4")
        held.go.set()
        last = await moot.desk.answer(one.run.id, "s4", 5.0)
        answers = [await moot.desk.answer(s.run.id, s.message) for s in (one, *rest)]
    assert begun == ["one", "one", "two", "three", "four"]
    assert [a.output for a in (*answers, last)] == ["re one", "re two", "re three", "re four"]


async def test_votes_and_pauses_pass_the_messages_that_wait() -> None:
    def reply(request):
        if isinstance(request.messages[-1], Returned):
            return says("Done.")
        return calls("look") if last_said(request) == "one" else says("Hi.")

    declared = talker(tools=LOOK, approvals=(Approval(match="tool:look"),))
    async with Harness(declared, replies=reply, tools=[Probe()]) as moot:
        one = await say(moot, "one")
        run = one.run.id
        await settled(moot, run, "approval")
        [asked] = await moot.desk.questions(run)
        two = await say(moot, "two")
        await moot.desk.tell(run, Pause("ann"))
        await settled(moot, run, "resume")
        await moot.desk.tell(run, Vote(asked.approval, approve=True, by="ann"))
        assert (await moot.settled(run)).waits_for == "resume"
        await moot.desk.tell(run, Resume("ann"))
        assert (await moot.desk.answer(run, one.message, 5.0)).output == "Done."
        assert (await moot.desk.answer(run, two.message, 5.0)).output == "Hi."


async def test_a_repeated_message_is_the_same_message() -> None:
    async with Harness(talker(), replies=echo) as moot:
        first = await say(moot, "one", key="k1")
        await moot.desk.answer(first.run.id, first.message, 5.0)
        again = await say(moot, "one", key="k1")
        other = await say(moot, "one", key="k1", source="slack")
        with pytest.raises(KeyReused):
            await say(moot, "two", key="k1")
        await moot.desk.answer(other.run.id, other.message, 5.0)
        kinds = await moot.kinds(first.run.id)
    assert (again.new, again.run.id, again.message) == (False, first.run.id, first.message)
    assert other.new
    assert kinds.count("run.answered") == 2


async def test_first_messages_at_once_make_one_run() -> None:
    async with Harness(talker(), replies=echo) as moot:
        said = await asyncio.gather(*[say(moot, str(n)) for n in range(5)])
        answers = [await moot.desk.answer(s.run.id, s.message, 5.0) for s in said]
    assert len({s.run.id for s in said}) == 1
    assert sorted(a.output.partition(" ")[0] for a in answers) == ["0", "1", "2", "3", "4"]


async def test_each_answer_leaves_once_to_whoever_asked() -> None:
    taken = []

    class Far:
        async def deliver(self, address, text, key):
            taken.append((address, text, key))

    moot = Harness(talker(), replies=echo)
    moot.gateways["far"] = Far()
    async with moot:
        to = [ReplyTo("far", f"to{n}") for n in range(2)]
        answers = [await ask(moot, f"m{n}", reply_to=to[n]) for n in range(2)]
        await ask(moot, "for nobody")
        while await Delivery(moot.parts).once():
            pass
    ids = [f"{answer.run}/reply/{seq:08}" for answer, seq in zip(answers, (2, 6), strict=True)]
    assert taken == [("to0", "m0 (1)", ids[0]), ("to1", "m1 (3)", ids[1])]


async def test_a_message_that_fails_does_not_end_the_conversation() -> None:
    def reply(request):
        if isinstance(request.messages[-1], Returned):
            raise ModelAuth("no key")
        return calls("look", "look2") if last_said(request) == "bad" else echo(request)

    two = (*LOOK, ToolUse("look2"))
    moot = Harness(talker(tools=two), replies=reply, tools=[Probe(), Probe("look2")])
    async with moot:
        bad, good = await ask(moot, "bad"), await ask(moot, "good")
        kept = await rested(moot, bad.run)
    assert (bad.output, bad.error.partition(":")[0]) == ("", "MODEL_AUTH")
    assert good.output.startswith("good")
    assert (kept.state, kept.error) == (RunState.WAITING, "")


async def test_a_call_that_was_left_open_is_closed_for_the_next_message() -> None:
    shown = []

    def reply(request):
        shown.append([type(m) for m in request.messages])
        moot.clock.advance(10)
        return calls("look") if last_said(request) == "one" else says("ok")

    declared = talker(tools=LOOK, limits=Limits(seconds=5.0))
    moot = Harness(declared, replies=reply, tools=[Probe()])
    async with moot:
        one = await ask(moot, "one")
        two = await ask(moot, "two")
    assert one.error.startswith("LIMIT_TIME")
    assert two.output == "ok"
    assert shown[1] == [Said, Answered, Returned, Said, Said]


async def test_limits_are_for_each_message() -> None:
    limits = Limits(iterations=1, tokens=60, seconds=100.0)
    async with Harness(talker(limits=limits), replies=echo) as moot:
        answers = []
        for n in range(4):
            answers.append(await ask(moot, f"m{n}"))
            moot.clock.advance(99)
    assert [a.error for a in answers] == [""] * 4


async def test_a_message_has_a_deadline_of_its_own() -> None:
    async with Harness(talker(), replies=echo) as moot:
        late = await ask(moot, "one", deadline=moot.clock.now() - 1)
        soon = await ask(moot, "two", deadline=moot.clock.now() + 1000)
    assert late.error.startswith("DEADLINE_PASSED")
    assert not soon.error


async def test_another_attempt_at_a_message_begins_where_the_message_came() -> None:
    faults, shown = [ModelTimeout(), ModelTimeout(), ModelTimeout(), None, None], []

    def reply(request):
        shown.append(len(request.messages))
        if isinstance(request.messages[-1], Returned):
            fault = faults.pop(0)
            if fault:
                raise fault
            return says("Done.")
        return calls("look") if last_said(request) == "two" else says("Hi.")

    declared = talker(tools=LOOK, retry=Retry(attempts=2, delay_s=1.0))
    async with Harness(declared, replies=reply, tools=[Probe()]) as moot:
        one = await ask(moot, "one")
        two = await say(moot, "two")
        run = one.run
        while (await moot.desk.answer(run, two.message)) is None:
            moot.clock.advance(1)
            await moot.rescue()
            await asyncio.sleep(0)
        answer = await moot.desk.answer(run, two.message)
        kinds = await moot.kinds(run)
        three = await ask(moot, "three")
    assert answer.output == "Done."
    assert kinds.count("run.reset") == 1
    assert shown[1:] == [3, 5, 5, 5, 3, 5, 7]
    assert three.output == "Hi."


async def test_a_conversation_that_was_cancelled_begins_anew_with_the_next_message() -> None:
    held, shown = Held(says("never")), []

    async def reply(request):
        shown.append(len(request.messages))
        return await held(request) if last_said(request) == "two" else echo(request)

    async with Harness(talker(), replies=reply) as moot:
        await ask(moot, "one")
        two = await say(moot, "two")
        await held.asked.wait()
        waits = await say(moot, "three")
        run = two.run.id
        await moot.desk.tell(run, Cancel("ann", "enough"))
        ended = await moot.desk.answer(run, two.message, 5.0)
        unheard = await moot.desk.answer(run, waits.message, 5.0)
        await settled(moot, run, "")
        again = await ask(moot, "four")
        kept = await rested(moot, run)
    assert ended.error == unheard.error == "CANCELLED: enough"
    assert again.run == run
    assert (again.output, kept.state) == ("four (1)", RunState.WAITING)
    assert shown == [1, 3, 1]


async def test_a_cancelled_conversation_can_be_taken_up_without_a_message() -> None:
    async with Harness(talker(), replies=echo) as moot:
        one = await ask(moot, "one")
        await moot.desk.tell(one.run, Cancel("ann"))
        await settled(moot, one.run, "")
        await moot.desk.tell(one.run, TryAgain("ann"))
        kept = await rested(moot, one.run)
    assert (kept.waits_for, kept.attempt) == ("message", 2)


async def test_after_its_idle_time_a_conversation_is_summed_up_once_and_rests() -> None:
    asked = []

    def reply(request):
        asked.append(list(request.messages))
        return says("They counted.") if "Summarise" in last_said(request) else echo(request)

    how = Continuous(idle_s=60.0, keep_messages=2)
    async with Harness(talker(continuous=how), replies=reply) as moot:
        first = await ask(moot, "m0")
        kept = await rested(moot, first.run)
        assert kept.wake_at is None  # nothing to be summed up yet
        for n in range(1, 4):
            await ask(moot, f"m{n}")
        kept = await rested(moot, first.run)
        assert kept.wake_at == moot.clock.now() + 60_000
        moot.clock.advance(60)
        await moot.rescue()
        await moot.until(lambda: len(asked) == 5)
        kept = await rested(moot, first.run)
        assert (kept.wake_at, kept.output) == (None, "m3 (7)")
        again = await ask(moot, "m4")
        kinds = await moot.kinds(first.run)
    assert kinds.count("run.woke") == 1
    assert [type(m) for m in asked[-1]] == [Said, Said, Answered, Said]
    assert "They counted." in asked[-1][0].text
    assert [m.text for m in asked[-1][1:]] == ["m3", "m3 (7)", "m4"]
    assert again.output == "m4 (4)"


async def test_a_summary_that_fails_costs_the_conversation_nothing() -> None:
    def reply(request):
        if "Summarise" in last_said(request):
            raise ModelRejected("no")
        return echo(request)

    how = Continuous(idle_s=1.0, keep_messages=1)
    async with Harness(talker(continuous=how), replies=reply) as moot:
        run = (await ask(moot, "m0")).run
        await ask(moot, "m1")
        await rested(moot, run)
        moot.clock.advance(1)
        await moot.rescue()
        await moot.until(lambda: any(type(b).__name__ == "ModelFailed" for b in moot.entries))
        kept = await rested(moot, run)
        assert kept.wake_at is None
        assert (await ask(moot, "m2")).output == "m2 (5)"


async def test_a_message_that_comes_before_the_idle_time_keeps_the_history() -> None:
    how = Continuous(idle_s=10.0, keep_messages=1)
    async with Harness(talker(continuous=how), replies=echo) as moot:
        for n in range(4):
            answer = await ask(moot, f"m{n}")
            await rested(moot, answer.run)
            moot.clock.advance(9)
            await moot.rescue()
    assert answer.output == "m3 (7)"


@pytest.mark.parametrize("policy", ["drop", "summarise"])
async def test_a_long_history_is_kept_within_its_limit(policy: str) -> None:
    asked = []

    def reply(request):
        if "Summarise" in last_said(request):
            return says("Old things.")
        asked.append(list(request.messages))
        return echo(request)

    how = Continuous(max_history=6, keep_messages=2, policy=policy)
    async with Harness(talker(continuous=how), replies=reply) as moot:
        for n in range(12):
            run = (await ask(moot, f"m{n}")).run
        kinds = await moot.kinds(run)
    assert max(len(messages) for messages in asked) <= 7
    assert all(isinstance(messages[0], Said) for messages in asked)
    assert asked[-1][-1] == Said("m11")
    assert kinds.count("context.dropped" if policy == "drop" else "model.called") > 3


async def test_a_long_answer_still_shows_the_message_it_is_for() -> None:
    def reply(request):
        done = sum(isinstance(m, Returned) for m in request.messages)
        assert Said("the question") in request.messages or Said("before") in request.messages
        return says("Done.") if done >= 2 or last_said(request) == "before" else calls("look")

    context = Context(policy="drop", max_tokens=100, keep_messages=2)
    probe = Probe(act=lambda args: "x" * 300)
    async with Harness(talker(tools=LOOK, context=context), replies=reply, tools=[probe]) as moot:
        await ask(moot, "before")
        submitted = await say(moot, "the question")
        await moot.until(lambda: len(probe.calls) > 3)
        await moot.desk.tell(submitted.run.id, Cancel())
        answer = await moot.desk.answer(submitted.run.id, submitted.message, 5.0)
    assert answer.error.startswith("CANCELLED")


async def test_an_answer_fits_the_output_schema() -> None:
    replies = [says("no json"), says('{"n": 1}'), says("no"), says("no"), says("no")]
    declared = talker(output=Output(schema={"type": "object"}, retries=1))
    async with Harness(declared, replies=lambda _: replies.pop(0)) as moot:
        good, bad = await ask(moot, "one"), await ask(moot, "two")
    assert good.data == {"n": 1}
    assert bad.error.startswith("INVALID_OUTPUT")


async def test_a_question_of_the_program_is_the_answer() -> None:
    def program(view, agent):
        words = [m.text for m in view.messages if isinstance(m, Said)]
        if len(words) == 1:
            return [Ask("Which?")]
        return (
            [Reply(view.last.text)] if view.last else [CallModel(system="", messages=view.messages)]
        )

    moot = Harness(talker(program="p"), replies=echo)
    moot.programs["p"] = program
    async with moot:
        assert (await ask(moot, "one")).output == "Which?"
        assert (await ask(moot, "this one")).output == "this one (2)"


async def test_a_program_that_breaks_fails_the_message_only() -> None:
    def program(view, agent):
        if view.messages[-1] == Said("bad"):
            raise ZeroDivisionError
        return [Reply("fine")]

    moot = Harness(talker(program="p"), replies=echo)
    moot.programs["p"] = program
    async with moot:
        bad, good = await ask(moot, "bad"), await ask(moot, "good")
    assert bad.error.startswith("INTERNAL: ZeroDivisionError")
    assert good.output == "fine"


async def test_each_message_is_answered_by_the_agent_as_it_is_then() -> None:
    def reply(request):
        return says(request.system)

    first, second = talker(instructions="old"), talker(instructions="new")
    async with Harness(first, replies=reply) as moot:
        one = await ask(moot, "one")
        moot.declare(second)
        two, three = await ask(moot, "two"), await ask(moot, "three")
        bodies = await moot.journal(one.run)
    assert [one.output, two.output, three.output] == ["old", "new", "new"]
    marked = [b.definition for b in bodies if type(b).__name__ == "MessageAdded"]
    assert marked == ["", second.digest(), ""]


async def test_money_is_held_in_the_agents_budget_for_every_message() -> None:
    moot = Harness(talker(budget=Budget(usd_per_day=0.000_001)), replies=echo)
    moot.price = Price(1, 1)
    async with moot:
        answers = [await ask(moot, f"m{n} " + "x" * 400) for n in range(4)]
    assert answers[-1].error.startswith("BUDGET")


async def test_messages_that_wait_are_answered_when_the_program_broke() -> None:
    def program(view, agent):
        if view.messages[-1] == Said("bad"):
            raise ZeroDivisionError
        return [Reply("fine")]

    moot = Harness(talker(program="p"), replies=echo)
    moot.programs["p"] = program
    async with moot:
        said = [await say(moot, text) for text in ("bad", "bad", "good")]
        answers = [await moot.desk.answer(s.run.id, s.message, 5.0) for s in said]
    assert [a.output for a in answers] == ["", "", "fine"]


async def test_a_conversation_that_was_pruned_begins_as_another_run() -> None:
    async with Harness(talker(), replies=echo) as moot:
        one = await ask(moot, "one")
        await moot.desk.tell(one.run, Cancel("ann"))
        await settled(moot, one.run, "")
        assert await moot.store.write(Prune(before=moot.clock.now() + 1, limit=9)) == ((one.run,),)
        two = await ask(moot, "two")
    assert (two.output, two.run == one.run) == ("two (1)", False)
