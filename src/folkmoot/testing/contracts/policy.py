"""What every policy owes (ports/policy.py).

Subclass `PolicyContract`, give the fixture `policy`, and add to `cases` what your rule speaks of.
"""

import asyncio
import re
from collections.abc import Awaitable, Sequence

import msgspec
import pytest

from folkmoot.core.agent import Agent, ModelChoice, ToolUse
from folkmoot.core.effects import Effect
from folkmoot.core.grants import parse
from folkmoot.core.messages import Answered, Said, ToolCall
from folkmoot.core.pending import Pending
from folkmoot.core.task import Task
from folkmoot.core.verdict import Act, Allow, Need, Verdict
from folkmoot.core.view import View
from folkmoot.ports.policy import Case, Policy

NOW = 1_795_392_000_000  # 2026-11-23T00:00:00Z
_CODE = re.compile(r"[A-Z][A-Z0-9_]*")


def sample_agent() -> Agent:
    """Return an agent with one model and one tool, without limits of money."""
    return Agent(
        name="sample",
        instructions="Work.",
        model=ModelChoice(provider="scripted", name="sample"),
        tools=(ToolUse("shell"),),
    )


def sample_view() -> View:
    """Return a view in the middle of a run: one reply was given, one call is open."""
    call = ToolCall("c1", "shell", {"command": "ls"})
    return View(
        run="run_1",
        at=NOW,
        began=NOW,
        task=Task(agent="sample", input="Work."),
        messages=[Said("Work."), Answered(calls=(call,))],
        pending={"c1": Pending(call)},
        replies=1,
    )


def model_act(*, estimate: int = 1000, tokens: int = 100) -> Act:
    """Return a call of the sample agent's model."""
    return Act(kind="model", name="scripted:sample", call="m2", estimate=estimate, tokens=tokens)


def tool_act(*needs: str, ordinary: bool = False) -> Act:
    """Return a call of the sample agent's tool with these needs."""
    return Act(
        kind="tool",
        name="shell",
        call="c1",
        needs=tuple(Need(parse(need), ordinary) for need in needs),
        effect=Effect.ONCE,
        digest="d" * 64,
    )


def foreign_act() -> Act:
    """Return an act of a kind that no policy of today knows."""
    need = Need(parse("shell:run"), ordinary=True)
    return Act(kind="teleport", name="shell", call="c1", needs=(need,))


async def answer(policy: Policy, case: Case) -> Verdict | None:
    """Return what a policy says, whether it is a plain function or an async one."""
    said = policy.judge(case)
    return await said if isinstance(said, Awaitable) else said


class PolicyContract:
    """Run by every policy. A policy is a pure function of its case."""

    @pytest.fixture
    def policy(self) -> Policy:
        """Override: the policy under test."""
        raise NotImplementedError

    @pytest.fixture
    def cases(self) -> Sequence[Case]:
        """Override to add cases that the rule answers: with Allow, with Ask, with Deny."""
        agent = sample_agent()
        return [
            Case(act, agent, sample_view(), NOW) for act in (model_act(), tool_act("shell:run"))
        ]

    async def test_has_a_name_of_one_word(self, policy: Policy) -> None:
        """The name stands in the journal beside every denial."""
        assert re.fullmatch(r"[a-z][a-z0-9_]*", policy.name)

    async def test_the_same_case_gets_the_same_answer(
        self, policy: Policy, cases: Sequence[Case]
    ) -> None:
        """A policy keeps nothing between cases, whatever their order."""
        first = [await answer(policy, case) for case in cases]
        again = [await answer(policy, case) for case in reversed(cases)]
        assert again[::-1] == first

    async def test_cases_judged_side_by_side_get_the_same_answers(
        self, policy: Policy, cases: Sequence[Case]
    ) -> None:
        """Calls of one reply are judged at the same time."""
        alone = [await answer(policy, case) for case in cases]
        assert await asyncio.gather(*(answer(policy, case) for case in cases)) == alone

    async def test_judging_changes_nothing_it_was_shown(
        self, policy: Policy, cases: Sequence[Case]
    ) -> None:
        """The view belongs to the runner."""
        for case in cases:
            before = msgspec.json.encode(case)
            await answer(policy, case)
            assert msgspec.json.encode(case) == before

    async def test_a_foreign_act_is_never_allowed_nor_put_to_a_person(
        self, policy: Policy, cases: Sequence[Case]
    ) -> None:
        """A kind of act that the policy does not know is not its business."""
        for case in cases:
            foreign = msgspec.structs.replace(case, act=foreign_act())
            assert await answer(policy, foreign) is None

    async def test_a_verdict_says_whose_it_is_and_why(
        self, policy: Policy, cases: Sequence[Case]
    ) -> None:
        """Whoever reads the journal must learn which rule spoke, and the reason as a sentence."""
        for case in cases:
            verdict = await answer(policy, case)
            if verdict is not None:
                _readable(policy, verdict)


def _readable(policy: Policy, verdict: Verdict) -> None:
    assert verdict.policy == policy.name
    if isinstance(verdict, Allow):
        assert all(hold.amount >= 0 and hold.scope for hold in verdict.holds)
        return
    assert verdict.reason.endswith(".")
    code = getattr(verdict, "code", "ASK")
    assert _CODE.fullmatch(code)
