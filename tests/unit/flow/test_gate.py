"""The gate in place: verdicts are kept, people are asked, nothing passes unjudged."""

import asyncio

import pytest

from folkmoot.core.agent import Approval, Budget, Limits, ToolUse
from folkmoot.core.entries import StepAsked, StepDenied
from folkmoot.core.errors import Denied, WrongState
from folkmoot.core.messages import ToolCall
from folkmoot.core.run import RunState
from folkmoot.core.signals import Vote
from folkmoot.core.spend import Price
from folkmoot.core.verdict import Deny
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.probe import Probe
from folkmoot.testing.replies import calls, says, turns

LOOK = (ToolUse("look"),)
ONCE = turns(calls("look"), says("Done."))


def asked(**fields):
    return agent(tools=LOOK, approvals=(Approval(match="look:do", **fields),))


async def test_a_denied_call_is_kept_and_told_and_not_done(probe: Probe) -> None:
    async with Harness(agent(tools=LOOK, denies=("look:do",)), replies=ONCE, tools=[probe]) as moot:
        run = await moot.ask("Go.")
        denied = [b for b in await moot.journal(run.id) if isinstance(b, StepDenied)]
    assert run.state is RunState.SUCCEEDED
    assert denied[0].policy == "grants"
    assert not probe.calls


async def test_without_a_policy_that_allows_nothing_happens(probe: Probe) -> None:
    moot = Harness(agent(tools=LOOK), replies=ONCE, tools=[probe])
    moot.policies = []
    async with moot:
        run = await moot.ask("Go.")
    assert run.error.startswith("NO_POLICY")


async def test_a_policy_that_breaks_denies() -> None:
    class Down:
        name = "down"

        async def judge(self, case):
            raise ConnectionError("password=hunter2")

    moot = Harness(agent(), replies=ONCE)
    moot.policies.insert(0, Down())
    async with moot:
        run = await moot.ask("Go.")
    assert run.error.startswith("POLICY_DOWN")
    assert "hunter2" not in run.error


@pytest.mark.parametrize("fault", [SystemExit(1), asyncio.CancelledError()])
async def test_a_policy_that_would_end_more_than_itself_denies(fault) -> None:
    class Gone:
        name = "gone"

        async def judge(self, case):
            raise fault

    moot = Harness(agent(), replies=ONCE)
    moot.policies.insert(0, Gone())
    async with moot:
        run = await asyncio.wait_for(moot.ask("Go."), 5)
    assert run.error.startswith("POLICY_DOWN")


async def test_a_policy_may_ask_somebody_else_before_it_answers() -> None:
    class Slow:
        name = "slow"

        async def judge(self, case):
            await asyncio.sleep(0)
            return Deny(self.name, "Not now.", "NOT_NOW", stop=True)

    moot = Harness(agent(), replies=ONCE)
    moot.policies.append(Slow())
    async with moot:
        run = await moot.ask("Go.")
    assert run.error.startswith("NOT_NOW")


async def test_an_answer_that_is_no_verdict_denies() -> None:
    class Odd:
        name = "odd"

        def judge(self, case):
            return True

    moot = Harness(agent(), replies=ONCE)
    moot.policies.append(Odd())
    async with moot:
        run = await moot.ask("Go.")
    assert run.error.startswith("POLICY_DOWN")


async def test_an_ask_makes_the_run_wait_and_a_yes_lets_it_go_on(probe: Probe) -> None:
    async with Harness(asked(), replies=ONCE, tools=[probe]) as moot:
        run = await moot.ask("Go.")
        assert (run.state, run.waits_for) == (RunState.WAITING, "approval")
        await moot.until(lambda: moot.dispatcher.active == 0)
        question = (await moot.desk.questions())[0]
        assert (question.run, question.act) == (run.id, "tool look")
        await moot.desk.tell(run.id, Vote(question.approval, approve=True, by="ann"))
        await moot.until(lambda: bool(probe.calls))
        run = await moot.settled(run.id)
    assert run.output == "Done."
    assert not await moot.desk.questions()


async def test_a_yes_is_still_good_after_a_restart(probe: Probe) -> None:
    async with Harness(asked(), replies=ONCE, tools=[probe]) as moot:
        run = await moot.ask("Go.")
    again = Harness(
        asked(), replies=ONCE, tools=[probe], store=moot.store, clock=moot.clock, worker="w2"
    )
    async with again:
        question = (await again.desk.questions(run.id))[0]
        await again.desk.tell(run.id, Vote(question.approval, approve=True))
        await again.until(lambda: bool(probe.calls))
        run = await again.settled(run.id)
    assert run.state is RunState.SUCCEEDED


async def test_a_no_is_told_to_the_model(probe: Probe) -> None:
    async with Harness(asked(), replies=ONCE, tools=[probe]) as moot:
        run = await moot.ask("Go.")
        question = (await moot.desk.questions())[0]
        await moot.desk.tell(run.id, Vote(question.approval, approve=False, by="ann", note="No."))
        await moot.until(lambda: any(b.__class__.__name__ == "Succeeded" for b in moot.entries))
    assert not probe.calls


async def test_two_of_three_must_agree_and_one_alone_cannot_vote_twice(probe: Probe) -> None:
    declared = asked(by=("ann", "bob", "cem"), needs=2)
    async with Harness(declared, replies=ONCE, tools=[probe]) as moot:
        run = await moot.ask("Go.")
        question = (await moot.desk.questions())[0]
        vote = Vote(question.approval, approve=True, by="ann")
        await moot.desk.tell(run.id, vote)
        await moot.desk.tell(run.id, vote, key="k")
        assert not probe.calls
        with pytest.raises(Denied):
            await moot.desk.tell(run.id, Vote(question.approval, approve=True, by="eve"))
        await moot.desk.tell(run.id, Vote(question.approval, approve=True, by="bob"), key="k")
        await moot.until(lambda: bool(probe.calls))
        assert (await moot.settled(run.id)).state is RunState.SUCCEEDED


async def test_a_vote_on_nothing_is_refused(probe: Probe) -> None:
    async with Harness(asked(), replies=ONCE, tools=[probe]) as moot:
        run = await moot.ask("Go.")
        with pytest.raises(WrongState):
            await moot.desk.tell(run.id, Vote("a99", approve=True))


async def test_an_approval_that_nobody_gives_expires(probe: Probe) -> None:
    async with Harness(asked(expires_s=60), replies=ONCE, tools=[probe]) as moot:
        run = await moot.ask("Go.")
        assert run.wake_at == moot.clock.now() + 60_000
        moot.clock.advance(61)
        assert await moot.rescue() == (run.id,)
        await moot.until(lambda: any(b.__class__.__name__ == "Succeeded" for b in moot.entries))
        assert "gate.expired" in await moot.kinds(run.id)
    assert not probe.calls


async def test_others_go_on_while_one_call_waits(probe: Probe) -> None:
    other = Probe("other")
    declared = agent(
        tools=(ToolUse("look"), ToolUse("other")), approvals=(Approval(match="look:do"),)
    )
    replies = turns(calls(ToolCall("a", "look"), ToolCall("b", "other")), says("Done."))
    async with Harness(declared, replies=replies, tools=[probe, other]) as moot:
        run = await moot.ask("Go.")
        assert (run.state, len(other.calls), len(probe.calls)) == (RunState.WAITING, 1, 0)
        asks = [b for b in await moot.journal(run.id) if isinstance(b, StepAsked)]
        await moot.desk.tell(run.id, Vote(asks[0].approval, approve=True))
        await moot.until(lambda: bool(probe.calls))
        assert (await moot.settled(run.id)).state is RunState.SUCCEEDED
    assert len(other.calls) == 1


async def test_money_is_held_before_and_settled_after_to_the_nano() -> None:
    held_at_call = []

    async def reply(request):
        held_at_call.append(await moot.store.spent(scope))
        return says("Hi.")

    moot = Harness(agent(budget=Budget(usd_per_day=1.0)), replies=reply)
    moot.price = Price(3, 5)
    async with moot:
        scope = "agent:tester/2026-11-18"
        run = await moot.ask("Hello")
        after = await moot.store.spent(scope)
    assert held_at_call[0][0] == 0
    assert held_at_call[0][1] > 0
    assert after == (20 * 3 + 10 * 5, 0)
    assert run.spend.nanos == after[0]


async def test_a_budget_that_would_be_passed_stops_the_run_before_the_call() -> None:
    asked_model = []
    declared = agent(budget=Budget(usd_per_day=0.000001))
    moot = Harness(declared, replies=lambda r: asked_model.append(r) or says("x"))
    moot.price = Price(3000, 15000)
    async with moot:
        run = await moot.ask("Hello")
    assert run.error.startswith("BUDGET_SPENT")
    assert not asked_model
    assert [b.__class__.__name__ for b in moot.entries][-2:] == ["StepDenied", "Failed"]


async def test_a_model_without_a_price_is_refused_where_money_is_limited() -> None:
    moot = Harness(agent(limits=Limits(usd=1.0)), replies=turns(says("x")))
    moot.price = None
    async with moot:
        run = await moot.ask("Hello")
    assert run.error.startswith("UNPRICED_MODEL")


async def test_the_iteration_limit_ends_a_run_that_never_replies(probe: Probe) -> None:
    declared = agent(tools=LOOK, limits=Limits(iterations=3))
    async with Harness(declared, replies=turns(calls("look")), tools=[probe]) as moot:
        run = await moot.ask("Go.")
    assert run.error.startswith("LIMIT_ITERATIONS")
    assert len(probe.calls) == 3
