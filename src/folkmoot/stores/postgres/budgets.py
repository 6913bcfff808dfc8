"""What a batch takes from budgets, and under which conditions its decisions hold.

Several processes draw on one budget, so what we believe of it is often a little old. The batch need not be
refused for that: it takes amounts, and asks for no more than that every hold fits and none is given back
that is not there. Where a decision was "no", or money was given back that nobody held, the budget must be
exactly as believed.
"""

from collections.abc import Iterable
from typing import Any

from folkmoot.core import changes as c
from folkmoot.core.errors import BudgetSpent
from folkmoot.stores.overlay import Budget

_MOST = 2**63 - 1


class Use:
    """One scope's part in a batch."""

    def __init__(self, spent: int, held: int, *, fresh: bool) -> None:
        """`spent` and `held` are what is believed; `fresh` that there is no row yet."""
        self._was = Budget(spent, held)
        self._fresh = fresh
        self.spent = 0
        self.held = 0
        self._least_held = 0
        self._room = _MOST
        self._exact = False
        self.counts = False
        """Whether the batch has anything to do with it after all."""

    def hold(self, change: c.HoldSpend) -> None:
        """Count a hold that was granted."""
        self._room = min(self._room, change.limit - change.amount - self.spent - self.held)
        self.held += change.amount
        self.counts = True

    def settle(self, change: c.SettleSpend) -> None:
        """Count a settlement."""
        if self._was.held + self.held >= change.held:
            self._least_held = max(self._least_held, change.held - self.held)
            self.held -= change.held
        else:
            self._exact = True
            self.held = -self._was.held
        self.spent += change.spent
        self.counts = True

    def refused(self) -> None:
        """Note that a hold was not granted."""
        self._exact = self.counts = True

    def row(self, scope: str) -> tuple[Any, ...]:
        """Return the row of `budget_use`."""
        was = self._was
        least_held, most_held = (was.held, was.held) if self._exact else (self._least_held, _MOST)
        total = was.spent + was.held
        least, most = (total, total) if self._exact else (-_MOST, self._room)
        return (scope, self._fresh, least_held, most_held, least, most, self.spent, self.held)


def count(uses: dict[str, Use], changes: Iterable[c.Change]) -> None:
    """Count the changes of a set that was applied."""
    for change in changes:
        if type(change) is c.HoldSpend:
            uses[change.scope].hold(change)
        elif type(change) is c.SettleSpend:
            uses[change.scope].settle(change)


def count_refused(uses: dict[str, Use], fault: BudgetSpent) -> None:
    """Count a set that failed for want of money."""
    uses[str(fault.details["scope"])].refused()
