"""Whether a set may be written. Nothing is changed here; what is wrong is raised.

Changes are judged in the set's order and the first that cannot be done keeps the whole set out.
Fences and states count as they stood before the set, but for a birth and a claim, which count for what
stands behind them; money and journal numbers count on within it.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from folkmoot.core import changes as c
from folkmoot.core import lane
from folkmoot.core.errors import (
    BudgetSpent,
    Conflict,
    Invalid,
    KeyReused,
    LeaseLost,
    RunUnknown,
    WrongState,
)
from folkmoot.core.run import Run, RunState
from folkmoot.stores import order
from folkmoot.stores.documents import Documents
from folkmoot.stores.memory import documents, lanes
from folkmoot.stores.memory.tables import Kept, Tables

RETRYABLE = frozenset({RunState.FAILED, RunState.CANCELLED, RunState.REFUSED})
_SOLITARY = (c.Retire, c.Rescue, c.Prune)
_NOTHING = "Nothing of this set was written."


class Judged:
    """A set that may be written. `born` is the first run's birth when the set only repeats it.

    `documents` are leases and records as the set leaves them, None when it is not about them;
    `outcomes` are those of its changes of them, by their place.
    """

    def __init__(self, born: c.Born | None = None) -> None:
        """Nothing was found yet."""
        self.born = born
        self.documents: Documents | None = None
        self.outcomes: dict[int, c.Outcome] = {}


def judge(tables: Tables, changes: Sequence[c.Change], now: int) -> Judged:
    """Raise what keeps a set out; `now` (ms) is the store's own clock."""
    for change in changes[1:]:
        _may_stand_behind(change, changes[0])
    judged = Judged(_repeated(tables, changes[0]) if changes else None)
    if judged.born is not None:
        return judged
    trial = _Trial(tables)
    for place, change in enumerate(changes):
        rule = _RULES.get(type(change))
        if rule is not None:
            rule(trial, change)
        elif isinstance(change, documents.KINDS):
            judged.documents = judged.documents or documents.trial(tables, now)
            judged.outcomes[place] = documents.apply(judged.documents, change)
    return judged


def held(money: tuple[int, int], amount: int) -> tuple[int, int]:
    """Return (spent, held) after more was held."""
    return money[0], money[1] + amount


def settled(money: tuple[int, int], change: c.SettleSpend) -> tuple[int, int]:
    """Return (spent, held) after a settlement.

    Held money never falls below zero: an account overdrawn that way would widen the budget.
    """
    return money[0] + change.spent, max(money[1] - change.held, 0)


def _may_stand_behind(change: c.Change, first: c.Change) -> None:
    for one in (change, first):
        if isinstance(one, _SOLITARY):
            raise Invalid(f"{type(one).__name__} must stand alone in its set.", kept=_NOTHING)
    order.keyless(change)


def _repeated(tables: Tables, change: c.Change) -> c.Born | None:
    """Return the run that a set's key made before, if it did: then the set is done already."""
    if not isinstance(change, c.CreateRun) or not change.key:
        return None
    known = tables.inbox.get((change.run.source, change.key))
    if known is None:
        return None
    run, fingerprint = known
    if fingerprint != change.fingerprint:
        raise KeyReused(kept=f"The first task's run, {run}.", run=run)
    return c.Born(run, new=False)


class _Trial:
    """What the set would do, as far as its later changes depend on it."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.born: dict[str, Kept] = {}
        self.ends: dict[str, int] = {}
        self.claimed: dict[str, int | None] = {}
        self.money: dict[str, tuple[int, int]] = {}
        self.lanes: dict[str, lanes.Standing] = {}

    def fenced(self, change: c.Append | c.Move | c.Consume | c.HoldSpend | c.SettleSpend) -> Kept:
        kept = self._kept(change.run)
        if kept is None or self._fence(kept) != change.fence:
            raise LeaseLost(kept="The journal up to the last write that returned.", run=change.run)
        return kept

    def _kept(self, run: str) -> Kept | None:
        """Return a run, also one that the set makes."""
        return self.tables.runs.get(run) or self.born.get(run)

    def _fence(self, kept: Kept) -> int | None:
        """Return the fence that writes to a run must carry, or None when nobody may write."""
        run = kept.run
        if run.id in self.claimed:
            return self.claimed[run.id]
        return run.fence if run.state == RunState.RUNNING else None

    def claim(self, change: c.Claim) -> None:
        """Let what stands behind a claim carry its fence, or, when it is lost, no fence at all.

        Another worker's claim may have raised the fence to the very number that was guessed here.
        """
        kept = self._kept(change.run)
        if kept is not None:
            run = kept.run
            won = run.state == RunState.QUEUED and run.ready_at <= change.now
            won = won and run.id not in self.claimed and self._may_begin(run, change.now)
            self.claimed.setdefault(run.id, run.fence + 1 if won else None)

    def _may_begin(self, run: Run, now: int) -> bool:
        """Ask the run's lane, which earlier claims of the set have changed."""
        found = self.lanes.get(run.agent) or lanes.standing(self.tables, run)
        terms = lane.terms(run)
        if lane.held_back(found.lane, terms, found.running, now) is not None:
            return False
        begun = lane.begun(found.lane, terms, now)
        self.lanes[run.agent] = lanes.Standing(begun, found.running + 1)
        return True

    def birth(self, change: c.CreateRun) -> None:
        run = change.run.id
        if self._kept(run) is not None:
            raise Conflict(f"There is a run {run} already.", kept="That run.", run=run)
        self.born[run] = Kept(change.run, list(change.entries))
        order.follow(run, 0, change.entries)

    def append(self, change: c.Append) -> None:
        end = self.ends.get(change.run, len(self.fenced(change).journal))
        self.ends[change.run] = order.follow(change.run, end, change.entries)

    def fence(self, change: c.Move | c.Consume) -> None:
        self.fenced(change)

    def hold(self, change: c.HoldSpend) -> None:
        self.fenced(change)
        scope, limit = change.scope, change.limit
        spent, so_far = self._money(scope)
        if spent + so_far + change.amount > limit:
            raise BudgetSpent(
                f"{scope}: {spent} nanos are spent and {so_far} held; {change.amount} more would "
                f"pass the limit of {limit}.",
                kept="What was spent and held before; nothing of this set was written.",
                scope=scope,
                spent=spent,
                held=so_far,
                limit=limit,
            )
        self.money[scope] = held((spent, so_far), change.amount)

    def settle(self, change: c.SettleSpend) -> None:
        self.fenced(change)
        self.money[change.scope] = settled(self._money(change.scope), change)

    def signal(self, change: c.Signal) -> None:
        kept = self._kept(change.run)
        if kept is None:
            raise RunUnknown(f"There is no run {change.run}.", run=change.run)
        state = kept.run.state
        fits = state in RETRYABLE if change.kind == "retry" else not state.final
        if not fits and change.id not in kept.heard:
            raise WrongState(
                f"Run {change.run} is {state}; it cannot take {change.kind!r} now.",
                kept="The run as it is.",
                run=change.run,
                state=str(state),
            )

    def blob(self, change: c.PutBlob) -> None:
        if sha256(change.data).hexdigest() != change.digest:
            raise Invalid(f"These bytes do not have the digest {change.digest}.", kept=_NOTHING)

    def _money(self, scope: str) -> tuple[int, int]:
        return self.money.get(scope) or self.tables.money.get(scope, (0, 0))


_RULES: dict[type, Callable[[_Trial, Any], None]] = {
    c.CreateRun: _Trial.birth,
    c.Claim: _Trial.claim,
    c.Append: _Trial.append,
    c.Move: _Trial.fence,
    c.Consume: _Trial.fence,
    c.HoldSpend: _Trial.hold,
    c.SettleSpend: _Trial.settle,
    c.Signal: _Trial.signal,
    c.PutBlob: _Trial.blob,
}
