"""Every policy passes the contract of the port."""

from collections.abc import Sequence

import msgspec
import pytest

from folkmoot.core.agent import Approval, Budget
from folkmoot.core.agent import Limits as AgentLimits
from folkmoot.policies.approval import Approvals
from folkmoot.policies.budget import Budgets
from folkmoot.policies.grants import Grants
from folkmoot.policies.limits import Limits
from folkmoot.policies.order import standard
from folkmoot.ports.policy import Case, Policy
from folkmoot.testing.contracts.policy import (
    NOW,
    PolicyContract,
    answer,
    model_act,
    sample_agent,
    sample_view,
    tool_act,
)


def every_case() -> list[Case]:
    agents = [
        sample_agent(),
        msgspec.structs.replace(sample_agent(), grants=("shell:run",)),
        msgspec.structs.replace(sample_agent(), denies=("shell:*",)),
        msgspec.structs.replace(sample_agent(), approvals=(Approval(match="tool:shell"),)),
        msgspec.structs.replace(
            sample_agent(), approvals=(Approval(match="shell:run", by=("ann",), needs=2),)
        ),
        msgspec.structs.replace(sample_agent(), limits=AgentLimits(iterations=1, usd=0.0)),
        msgspec.structs.replace(sample_agent(), budget=Budget(usd_per_day=1, usd_per_month=10)),
    ]
    acts = [
        model_act(),
        model_act(estimate=-1),
        tool_act(),
        tool_act("shell:run"),
        tool_act("shell:run:ls", ordinary=True),
    ]
    return [Case(act, agent, sample_view(), NOW) for agent in agents for act in acts]


class _Every(PolicyContract):
    @pytest.fixture
    def cases(self) -> Sequence[Case]:
        return every_case()


class TestGrants(_Every):
    @pytest.fixture
    def policy(self) -> Policy:
        return Grants()


class TestLimits(_Every):
    @pytest.fixture
    def policy(self) -> Policy:
        return Limits()


class TestBudgets(_Every):
    @pytest.fixture
    def policy(self) -> Policy:
        return Budgets()


class TestApprovals(_Every):
    @pytest.fixture
    def policy(self) -> Policy:
        return Approvals()


async def test_the_cases_make_every_policy_speak() -> None:
    for policy in standard():
        answers = [await answer(policy, case) for case in every_case()]
        assert any(answer is not None for answer in answers), policy.name
