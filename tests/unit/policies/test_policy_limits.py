"""A run ends where its limits say, before it passes them where that can be known."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core.agent import Agent
from folkmoot.core.agent import Limits as AgentLimits
from folkmoot.core.spend import NANOS_PER_USD, Spend
from folkmoot.core.task import Task
from folkmoot.core.verdict import Act, Deny
from folkmoot.core.view import View
from folkmoot.policies.limits import Limits
from folkmoot.ports.policy import Case
from folkmoot.testing.contracts.policy import NOW, model_act, sample_agent, sample_view, tool_act


def agent_with(**limits) -> Agent:
    return msgspec.structs.replace(sample_agent(), limits=AgentLimits(**limits))


def view_with(**fields) -> View:
    return msgspec.structs.replace(sample_view(), **fields)


async def judge(act: Act, agent: Agent, view: View | None = None, now: int = NOW):
    return Limits().judge(Case(act, agent, view or sample_view(), now))


async def stops(act: Act, agent: Agent, view: View | None = None, now: int = NOW) -> str:
    verdict = await judge(act, agent, view, now)
    assert isinstance(verdict, Deny)
    assert verdict.stop
    return f"{verdict.code} {verdict.reason}"


async def test_within_its_limits_the_policy_has_nothing_to_say():
    agent = agent_with(iterations=2, tokens=1000, usd=1.0, seconds=60)
    assert await judge(model_act(), agent) is None
    assert await judge(tool_act(), agent) is None


async def test_the_limit_on_iterations_counts_the_models_replies():
    agent = agent_with(iterations=3)
    assert await judge(model_act(), agent, view_with(replies=2)) is None
    said = await stops(model_act(), agent, view_with(replies=3))
    assert said.startswith("LIMIT_ITERATIONS")
    assert "limits.iterations is 3" in said


async def test_the_last_reply_may_still_have_its_tools_called():
    assert await judge(tool_act(), agent_with(iterations=3), view_with(replies=3)) is None


async def test_the_estimate_of_a_model_call_counts_before_it_is_made():
    agent, view = agent_with(tokens=150), view_with(spend=Spend(input=30, output=20))
    assert await judge(model_act(tokens=100), agent, view) is None
    said = await stops(model_act(tokens=101), agent, view)
    assert said.startswith("LIMIT_TOKENS 50 tokens are used")
    assert "limits.tokens is 150" in said


async def test_a_model_call_estimated_at_nothing_still_needs_a_token_left():
    agent, view = agent_with(tokens=50), view_with(spend=Spend(input=50))
    assert (await stops(model_act(tokens=0), agent, view)).startswith("LIMIT_TOKENS")
    assert await judge(tool_act(), agent, view) is None


async def test_money_that_may_have_been_spent_counts_as_spent():
    agent = agent_with(usd=1.0)
    view = view_with(spend=Spend(nanos=NANOS_PER_USD // 2, uncertain=NANOS_PER_USD // 2))
    assert await judge(model_act(estimate=0), agent, view) is None
    said = await stops(model_act(estimate=1), agent, view)
    assert said.startswith("LIMIT_USD $1 are spent")
    assert "limits.usd is $1" in said


async def test_a_limit_of_no_money_lets_a_free_model_work():
    assert await judge(model_act(estimate=0), agent_with(usd=0.0)) is None


async def test_a_limit_of_money_refuses_a_model_without_a_price():
    said = await stops(model_act(estimate=-1), agent_with(usd=5.0))
    assert said.startswith("UNPRICED_MODEL limits.usd")
    assert await judge(model_act(estimate=-1), agent_with()) is None


async def test_time_runs_from_the_first_entry_of_the_attempt():
    agent, view = agent_with(seconds=60), view_with(began=NOW - 59_999)
    assert await judge(tool_act(), agent, view) is None
    said = await stops(tool_act(), agent, view, NOW + 1)
    assert said.startswith("LIMIT_TIME")
    assert "limits.time is 60 s" in said


async def test_a_clock_that_was_set_back_takes_no_time_away():
    view = view_with(began=NOW + 3_600_000)
    assert await judge(model_act(), agent_with(seconds=1), view) is None


@pytest.mark.parametrize("act", [model_act(), tool_act()])
async def test_nothing_begins_after_the_tasks_deadline(act):
    view = view_with(task=Task(agent="sample", input="Work.", deadline=NOW))
    assert await judge(act, sample_agent(), view, NOW - 1) is None
    assert (await stops(act, sample_agent(), view)).startswith("DEADLINE_PASSED")


@given(limit=st.integers(0, 10_000), used=st.integers(0, 10_000), coming=st.integers(0, 10_000))
async def test_a_permitted_model_call_never_passes_the_limits_if_its_estimate_holds(
    limit, used, coming
):
    agent = agent_with(tokens=limit, usd=limit / NANOS_PER_USD)
    view = view_with(spend=Spend(input=used, nanos=used))
    verdict = await judge(model_act(estimate=coming, tokens=coming), agent, view)
    if verdict is None:
        assert used + coming <= limit
    else:
        assert used + max(coming, 1) > limit
