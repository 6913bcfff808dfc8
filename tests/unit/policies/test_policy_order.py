"""The standard policies together: who speaks in which order, and what their voices add up to."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core.agent import Approval, Budget
from folkmoot.core.agent import Limits as AgentLimits
from folkmoot.core.verdict import Allow, AskPerson, Deny, Verdict, fold
from folkmoot.policies.order import standard
from folkmoot.ports.policy import Case
from folkmoot.testing.contracts.policy import (
    NOW,
    answer,
    foreign_act,
    model_act,
    sample_agent,
    sample_view,
    tool_act,
)

VERDICTS = st.one_of(
    st.builds(Allow, st.sampled_from("ab")),
    st.builds(AskPerson, st.sampled_from("ab"), st.just("Why.")),
    st.builds(Deny, st.sampled_from("ab"), st.just("No.")),
)


async def gate(act, agent) -> Verdict:
    case = Case(act, agent, sample_view(), NOW)
    answers = [await answer(policy, case) for policy in standard()]
    return fold([answer for answer in answers if answer is not None])


def test_the_order_is_authority_then_limits_then_money_then_people():
    assert [policy.name for policy in standard()] == ["grants", "limits", "budget", "approval"]


async def test_an_act_that_no_policy_knows_is_denied():
    verdict = await gate(foreign_act(), msgspec.structs.replace(sample_agent(), grants=("*:*",)))
    assert verdict == Deny("gate", "No policy allows this.", "NO_POLICY")


async def test_nobody_is_asked_about_what_another_rule_refuses():
    agent = msgspec.structs.replace(sample_agent(), approvals=(Approval(match="*:*"),))
    verdict = await gate(tool_act("net:get"), agent)
    assert isinstance(verdict, Deny)
    assert verdict.policy == "grants"


async def test_what_is_allowed_and_needs_approval_is_asked():
    agent = msgspec.structs.replace(
        sample_agent(), grants=("net:get",), approvals=(Approval(match="net:*"),)
    )
    assert isinstance(await gate(tool_act("net:get"), agent), AskPerson)


async def test_an_allowed_model_call_carries_the_budgets_holds():
    agent = msgspec.structs.replace(sample_agent(), budget=Budget(usd_per_day=1, usd_per_month=9))
    verdict = await gate(model_act(), agent)
    assert isinstance(verdict, Allow)
    assert len(verdict.holds) == 2


async def test_a_budget_alone_permits_nothing():
    agent = msgspec.structs.replace(sample_agent(), budget=Budget(usd_per_day=1))
    other = msgspec.structs.replace(model_act(), name="openai:other")
    assert isinstance(await gate(other, agent), Deny)


async def test_a_passed_limit_ends_the_run_even_where_a_person_would_be_asked():
    agent = msgspec.structs.replace(
        sample_agent(), approvals=(Approval(match="*:*"),), limits=AgentLimits(seconds=0.001)
    )
    view = msgspec.structs.replace(sample_view(), began=NOW - 1000)
    case = Case(tool_act(), agent, view, NOW)
    answers = [await answer(policy, case) for policy in standard()]
    verdict = fold([answer for answer in answers if answer is not None])
    assert isinstance(verdict, Deny)
    assert verdict.stop


@given(st.lists(VERDICTS, max_size=6))
def test_deny_beats_ask_beats_allow_and_silence_is_no(verdicts):
    verdict = fold(verdicts)
    kinds = {type(one) for one in verdicts}
    expected = next((kind for kind in (Deny, AskPerson, Allow) if kind in kinds), Deny)
    assert type(verdict) is expected
