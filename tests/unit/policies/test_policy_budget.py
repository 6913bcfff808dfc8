"""Money is held in the right windows, and a store that keeps the holds' limits is never overspent."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core.agent import Agent, Budget
from folkmoot.core.spend import NANOS_PER_USD, Hold
from folkmoot.core.verdict import Act, Allow, Deny
from folkmoot.policies.budget import Budgets, holds
from folkmoot.ports.policy import Case
from folkmoot.testing.contracts.policy import NOW, model_act, sample_agent, sample_view, tool_act


def agent_with(**budget) -> Agent:
    return msgspec.structs.replace(sample_agent(), budget=Budget(**budget))


async def judge(act: Act, agent: Agent, now: int = NOW):
    return Budgets().judge(Case(act, agent, sample_view(), now))


def ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)


async def test_without_a_budget_the_policy_has_nothing_to_say():
    assert await judge(model_act(estimate=-1), sample_agent()) is None
    assert await judge(model_act(), sample_agent()) is None


async def test_the_estimate_is_held_in_the_day_and_in_the_month():
    verdict = await judge(
        model_act(estimate=700), agent_with(usd_per_day=0.5, usd_per_month=3), ms(2026, 11, 23)
    )
    assert verdict == Allow(
        "budget",
        (
            Hold("agent:sample/2026-11-23", 700, NANOS_PER_USD // 2),
            Hold("agent:sample/2026-11", 700, 3 * NANOS_PER_USD),
        ),
    )


@pytest.mark.parametrize(
    ("now", "scope"),
    [
        (ms(2026, 11, 23, 23, 59, 59) + 999, "agent:a/2026-11-23"),
        (ms(2026, 11, 24), "agent:a/2026-11-24"),
        (ms(2026, 12, 31, 23, 59, 59), "agent:a/2026-12-31"),
        (ms(2027, 1, 1), "agent:a/2027-01-01"),
    ],
)
def test_windows_change_at_midnight_utc(now, scope):
    assert holds("a", Budget(usd_per_day=1), 1, now)[0].scope == scope


async def test_what_costs_nothing_is_not_held():
    agent = agent_with(usd_per_day=0.0)
    assert await judge(tool_act(), agent) is None
    assert await judge(model_act(estimate=0), agent) is None


@pytest.mark.parametrize("field", ["usd_per_day", "usd_per_month"])
async def test_a_budget_refuses_a_model_without_a_price(field):
    verdict = await judge(model_act(estimate=-1), agent_with(**{field: 1.0}))
    assert isinstance(verdict, Deny)
    assert (verdict.code, verdict.stop) == ("UNPRICED_MODEL", True)
    assert f"budget.{field}" in verdict.reason


class Till:
    """The store's side of a hold: it refuses what would pass the limit, and settles later."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    def hold(self, wanted: tuple[Hold, ...]) -> bool:
        if any(self.taken.get(h.scope, 0) + h.amount > h.limit for h in wanted):
            return False
        for h in wanted:
            self.taken[h.scope] = self.taken.get(h.scope, 0) + h.amount
        return True


@given(
    day=st.integers(0, 500),
    month=st.integers(0, 2000),
    calls=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40 * 86_400_000)), max_size=40),
)
async def test_no_order_of_calls_overspends_a_day_or_a_month(day, month, calls):
    agent = agent_with(usd_per_day=day / NANOS_PER_USD, usd_per_month=month / NANOS_PER_USD)
    till, spent = Till(), {}
    for amount, later in calls:
        now = NOW + later
        verdict = await judge(model_act(estimate=amount), agent, now)
        wanted = verdict.holds if isinstance(verdict, Allow) else ()
        if till.hold(wanted):
            at = datetime.fromtimestamp(now / 1000, UTC)
            for window in (f"{at:%Y-%m-%d}", f"{at:%Y-%m}"):
                spent[window] = spent.get(window, 0) + amount
    for window, amount in spent.items():
        assert amount <= (day if len(window) == len("2026-11-23") else month)
