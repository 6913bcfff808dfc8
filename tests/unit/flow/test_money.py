"""Money that is limited bounds replies: no more can come than was held for."""

import pytest

from folkmoot.core.agent import Budget, Limits, ModelChoice, Output
from folkmoot.core.entries import ModelCalled, StepDenied
from folkmoot.core.run import RunState
from folkmoot.core.spend import Price, Usage
from folkmoot.flow.acts import LEAST, MOST
from folkmoot.ports.model import Answer
from folkmoot.testing.harness import Harness, agent

PRICE = Price(input=3_000, output=15_000)
UNSAID = object()


class Greedy:
    """A model that says as much as it may, 128,000 tokens where nobody bounds it."""

    def __init__(self):
        self.bounds = []
        self.prompt = 1

    def __call__(self, request):
        bound = request.choice.settings.get("max_tokens", UNSAID)
        self.bounds.append(bound)
        return Answer(
            text="A lot.",
            usage=Usage(input=self.prompt, output=128_000 if bound is UNSAID else bound),
        )


@pytest.fixture
def greedy():
    return Greedy()


async def driven(greedy, *tasks, price=PRICE, **fields):
    harness = Harness(agent(**fields), replies=greedy)
    harness.price = price
    async with harness:
        runs = [await harness.ask(text) for text in tasks or ["Talk."]]
    return harness, runs


def called(harness):
    return [body for body in harness.entries if isinstance(body, ModelCalled)]


async def test_who_limits_no_money_bounds_no_reply(greedy):
    harness, _ = await driven(greedy)
    assert greedy.bounds == [UNSAID]
    assert called(harness)[0].bound == 0


@pytest.mark.parametrize("usd", [0.07, 0.10, 0.20, 0.25, 1.0])
async def test_no_reply_costs_more_than_the_run_may(greedy, usd):
    harness, (run,) = await driven(greedy, limits=Limits(usd=usd))
    assert run.state == RunState.SUCCEEDED
    assert run.spend.usd <= usd
    (bound,) = greedy.bounds
    assert LEAST <= bound <= MOST
    assert called(harness)[0].bound == bound
    assert bound == MOST or run.spend.usd > usd * 0.99, "what there is may be used"


async def test_a_run_that_cannot_pay_the_least_reply_does_not_ask(greedy):
    _, (run,) = await driven(greedy, limits=Limits(usd=0.06))
    assert (run.state, greedy.bounds) == (RunState.FAILED, [])
    assert run.error.startswith("LIMIT_USD")


async def test_a_bound_of_ones_own_is_left_alone(greedy):
    model = ModelChoice(provider="function", name="m", settings={"max_tokens": 50})
    harness, (run,) = await driven(greedy, model=model, limits=Limits(usd=0.01))
    assert (run.state, greedy.bounds) == (RunState.SUCCEEDED, [50])
    assert called(harness)[0].bound == 0


@pytest.mark.parametrize("price", [Price(), Price(input=3_000)])
async def test_a_reply_that_costs_nothing_is_not_bounded(greedy, price):
    await driven(greedy, price=price, limits=Limits(usd=1.0))
    assert greedy.bounds == [UNSAID]


@pytest.mark.parametrize("field", ["usd_per_day", "usd_per_month"])
async def test_a_shared_budget_is_used_to_its_end_and_never_passed(greedy, field):
    tasks = [f"Talk {n}." for n in range(6)]
    harness, runs = await driven(greedy, *tasks, budget=Budget(**{field: 0.60}))
    assert sum(run.spend.usd for run in runs) <= 0.60
    assert greedy.bounds[:2] == [MOST, MOST]
    assert LEAST <= greedy.bounds[2] < MOST, "the third has what the others have left"
    assert len(greedy.bounds) == 3
    assert [run.state for run in runs[3:]] == [RunState.FAILED] * 3
    denied = [body for body in harness.entries if isinstance(body, StepDenied)]
    assert {body.code for body in denied} == {"BUDGET_SPENT"}


async def test_of_two_budgets_the_tighter_bounds(greedy):
    budget = Budget(usd_per_day=0.20, usd_per_month=0.10)
    _, (run,) = await driven(greedy, budget=budget)
    assert run.spend.usd <= 0.10
    assert LEAST <= greedy.bounds[0] < MOST


async def test_what_a_prompt_was_counted_at_counts_the_next_time(greedy):
    """The first call's tools and instructions were longer than the rule had it: the second knows."""
    greedy.prompt = 20_000
    shape = Output(schema={"type": "object"}, retries=1)
    harness, _ = await driven(greedy, output=shape, limits=Limits(usd=1.0))
    first, second = (body.estimate - body.bound * PRICE.output for body in called(harness))
    assert first < 100 * PRICE.input
    assert second >= 20_000 * PRICE.input
