"""The budgets that all runs of an agent share: money is held before it is spent.

The policy only says what to hold; the store holds it in the transaction that permits the step and
refuses (BudgetSpent) when spent + held + amount would pass the limit. That is what keeps the sum
right when many runs spend at once; a check here would race. Windows are UTC days and months of the
time at which the step is judged; a call that ends after midnight is settled where it was held.
"""

from datetime import UTC, datetime

from folkmoot.core.agent import Budget
from folkmoot.core.spend import Hold, nanos
from folkmoot.core.verdict import Allow, Verdict
from folkmoot.policies import unpriced
from folkmoot.ports.policy import Case

_MS = 1000


class Budgets:
    """What the act may cost is held in every budget of the agent."""

    name = "budget"

    async def judge(self, case: Case) -> Verdict | None:
        """Return Allow with holds for an act that costs money; abstain when it costs none."""
        act, budget = case.act, case.agent.budget
        bound = _bound(budget)
        if act.kind not in {"model", "tool"} or not bound:
            return None
        unknown = unpriced.refuse(self.name, act, bound)
        if unknown is not None or act.estimate == 0:
            return unknown
        return Allow(self.name, holds(case.agent.name, budget, act.estimate, case.now))


def holds(agent: str, budget: Budget, amount: int, now: int) -> tuple[Hold, ...]:
    """Return what to hold for `amount` nanos at `now` (ms): one hold for each budget that is set."""
    day = datetime.fromtimestamp(now // _MS, UTC).strftime("%Y-%m-%d")
    windows = ((day, budget.usd_per_day), (day[: len("2026-11")], budget.usd_per_month))
    return tuple(
        Hold(f"agent:{agent}/{window}", amount, nanos(usd))
        for window, usd in windows
        if usd is not None
    )


def _bound(budget: Budget) -> str:
    if budget.usd_per_day is not None:
        return "budget.usd_per_day"
    return "" if budget.usd_per_month is None else "budget.usd_per_month"
