"""The budgets that all runs of an agent share: money is held before it is spent.

The policy only says what to hold; the store holds it in the transaction that permits the step and
refuses (BudgetSpent) when spent + held + amount would pass the limit. That is what keeps the sum
right when many runs spend at once; a check here would race. Windows are UTC days and months of the
time at which the step is judged; a call that ends after midnight is settled where it was held.
"""

from datetime import date, timedelta
from functools import lru_cache

from folkmoot.core.agent import Budget
from folkmoot.core.spend import Hold, nanos
from folkmoot.core.verdict import Allow, Verdict
from folkmoot.policies import unpriced
from folkmoot.ports.policy import Case

_MS_PER_DAY = 86_400_000
_FIRST = date(1970, 1, 1)


class Budgets:
    """What the act may cost is held in every budget of the agent."""

    name = "budget"

    def judge(self, case: Case) -> Verdict | None:
        """Return Allow with holds for an act that costs money; abstain when it costs none."""
        act, budget = case.act, case.agent.budget
        bound = _bound(budget)
        if act.kind not in {"model", "tool"} or not bound:
            return None
        if act.estimate <= 0:
            return unpriced.refuse(self.name, act, bound)
        return Allow(self.name, holds(case.agent.name, budget, act.estimate, case.now))


def holds(agent: str, budget: Budget, amount: int, now: int) -> tuple[Hold, ...]:
    """Return what to hold for `amount` nanos at `now` (ms): one hold for each budget that is set."""
    day = _day(now // _MS_PER_DAY)
    found: tuple[Hold, ...] = ()
    if budget.usd_per_day is not None:
        found = (Hold(f"agent:{agent}/{day}", amount, nanos(budget.usd_per_day)),)
    if budget.usd_per_month is not None:
        month = day[: len("2026-11")]
        found += (Hold(f"agent:{agent}/{month}", amount, nanos(budget.usd_per_month)),)
    return found


@lru_cache(maxsize=8)
def _day(number: int) -> str:
    """Return the UTC day so many days after 1970-01-01, as YYYY-MM-DD."""
    return (_FIRST + timedelta(days=number)).isoformat()


def _bound(budget: Budget) -> str:
    if budget.usd_per_day is not None:
        return "budget.usd_per_day"
    return "" if budget.usd_per_month is None else "budget.usd_per_month"
