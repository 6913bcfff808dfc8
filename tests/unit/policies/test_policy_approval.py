"""People are asked about the calls that the agent file names, once, and in a way they can answer."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core.agent import Agent, Approval
from folkmoot.core.messages import ToolCall
from folkmoot.core.pending import APPROVED, ASKED, OPEN, STARTED, Pending
from folkmoot.core.verdict import Act, AskPerson, Deny
from folkmoot.core.view import View
from folkmoot.policies.approval import Approvals
from folkmoot.ports.policy import Case
from folkmoot.testing.contracts.policy import NOW, model_act, sample_agent, sample_view, tool_act

PEOPLE = st.lists(st.sampled_from(["ann", "ben", "cat", "dan"]), unique=True)


def agent_with(*rules: Approval) -> Agent:
    return msgspec.structs.replace(sample_agent(), approvals=rules)


async def judge(act: Act, agent: Agent, view: View | None = None):
    return Approvals().judge(Case(act, agent, view or sample_view(), NOW))


@pytest.mark.parametrize(
    "match",
    ["shell:run", "shell:*", "*:*", "shell:run:rm*", "shell:run:**", "tool:shell", "tool:*"],
)
async def test_a_matching_rule_asks_a_person(match):
    rule = Approval(match=match, by=("ann", "ben"), needs=2, expires_s=60)
    verdict = await judge(tool_act("shell:run:rm x"), agent_with(rule))
    assert isinstance(verdict, AskPerson)
    assert (verdict.by, verdict.needs, verdict.expires_s) == (("ann", "ben"), 2, 60)
    assert match in verdict.reason


@pytest.mark.parametrize("match", ["shell:runs", "shel:run", "shell:run:ls", "tool:shell2"])
async def test_a_rule_for_something_else_asks_nobody(match):
    assert await judge(tool_act("shell:run:rm x"), agent_with(Approval(match=match))) is None


async def test_a_rule_for_one_resource_asks_about_a_need_that_may_touch_any():
    verdict = await judge(tool_act("shell:run"), agent_with(Approval(match="shell:run:rm*")))
    assert isinstance(verdict, AskPerson)


async def test_ordinary_needs_are_asked_about_too():
    act = tool_act("shell:run", ordinary=True)
    assert isinstance(await judge(act, agent_with(Approval(match="shell:run"))), AskPerson)


async def test_a_call_without_needs_is_reached_by_its_tools_name():
    assert isinstance(await judge(tool_act(), agent_with(Approval(match="tool:shell"))), AskPerson)


async def test_model_calls_are_never_put_to_a_person():
    assert await judge(model_act(), agent_with(Approval(match="*:*"))) is None


@pytest.mark.parametrize(
    ("status", "asked"), [(OPEN, True), (ASKED, True), (STARTED, True), (APPROVED, False)]
)
async def test_only_an_approved_call_is_not_asked_about_again(status, asked):
    call = ToolCall("c1", "shell")
    view = msgspec.structs.replace(sample_view(), pending={"c1": Pending(call, status)})
    verdict = await judge(tool_act(), agent_with(Approval(match="tool:shell")), view)
    assert isinstance(verdict, AskPerson) == asked


async def test_the_approval_of_one_call_is_not_the_approval_of_another():
    call = ToolCall("c0", "shell")
    view = msgspec.structs.replace(sample_view(), pending={"c0": Pending(call, APPROVED)})
    verdict = await judge(tool_act(), agent_with(Approval(match="tool:shell")), view)
    assert isinstance(verdict, AskPerson)


async def test_of_several_rules_the_strictest_terms_hold():
    verdict = await judge(
        tool_act("shell:run"),
        agent_with(
            Approval(match="shell:run", by=("ann", "ben", "cat"), expires_s=600),
            Approval(match="tool:shell", by=("ben", "cat"), needs=2),
            Approval(match="shell:*", expires_s=60),
        ),
    )
    assert isinstance(verdict, AskPerson)
    assert (verdict.by, verdict.needs, verdict.expires_s) == (("ben", "cat"), 2, 60)


async def test_rules_that_nobody_can_satisfy_are_a_denial_and_not_a_wait_for_ever():
    verdict = await judge(
        tool_act("shell:run"),
        agent_with(
            Approval(match="shell:run", by=("ann",)), Approval(match="tool:shell", by=("ben",))
        ),
    )
    assert isinstance(verdict, Deny)
    assert verdict.code == "APPROVAL_IMPOSSIBLE"
    assert "shell:run, tool:shell" in verdict.reason


@given(rules=st.lists(st.tuples(PEOPLE, st.integers(1, 3)), min_size=1, max_size=4))
async def test_whoever_answers_satisfies_every_rule(rules):
    made = [Approval(match="shell:run", by=tuple(by), needs=needs) for by, needs in rules]
    verdict = await judge(tool_act("shell:run"), agent_with(*made))
    if isinstance(verdict, AskPerson):
        assert all(verdict.needs >= rule.needs for rule in made)
        assert all(not rule.by or set(verdict.by) <= set(rule.by) for rule in made)
        assert not verdict.by or len(verdict.by) >= verdict.needs
        assert bool(verdict.by) == any(rule.by for rule in made)
    else:
        assert isinstance(verdict, Deny)
