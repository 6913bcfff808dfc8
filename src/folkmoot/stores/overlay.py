"""What a batch of change sets does to the rows that it touches, decided in memory.

A store loads the touched rows inside its transaction, lets the overlay apply one set after the other,
and writes back what came of it. The rows are locked by then, so a check made here holds at commit.
A set that fails leaves no trace: what it had done is undone, and its neighbours never see it.
"""

from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec

from folkmoot.core import changes as c
from folkmoot.core.changes import Born, Outcome
from folkmoot.core.errors import (
    BudgetSpent,
    Conflict,
    FolkmootError,
    Invalid,
    KeyReused,
    LeaseLost,
    RunUnknown,
    WrongState,
)
from folkmoot.core.run import FINAL, Run, RunState
from folkmoot.stores import order
from folkmoot.stores.documents import Documents
from folkmoot.stores.lanes import Lanes

_NOTHING = "Nothing of this set was written."
_RETRYABLE = frozenset({RunState.FAILED, RunState.CANCELLED, RunState.REFUSED})


class Row(msgspec.Struct):
    """A run as far as a batch can change it. `end` is the number of its last entry.

    `was` is the state before the batch, "" for a run that is new. `put_off` says that its lane held it
    back: it is not announced any more, and perhaps delayed.
    """

    id: str
    state: str
    fence: int
    signals: int
    ready_at: int
    worker: str
    end: int
    agent: str = ""
    limit: int = 0
    spacing: int = 0
    guarded: bool = True
    deadline: int = 0
    claim: c.Claim | None = None
    move: c.Move | None = None
    signal_at: int = 0
    woken_at: int = 0
    was: str = ""
    put_off: bool = False

    @classmethod
    def of(cls, run: Run, signals: int, end: int) -> "Row":
        """Return a run's row, with so many signals sent to it and so many entries in its journal."""
        row = cls(run.id, run.state, run.fence, signals, run.ready_at, run.worker, end, run.agent)
        row.limit, row.spacing, row.guarded = run.limit, run.spacing, run.guarded
        row.deadline = run.deadline or 0
        return row

    def __copy__(self) -> "Row":
        """Return a snapshot for undoing."""
        return Row(*msgspec.structs.astuple(self))

    def settle(self) -> None:
        """Forget what the batch has changed: it is committed."""
        self.claim = self.move = None
        self.signal_at, self.woken_at, self.was, self.put_off = 0, 0, self.state, False


class Budget(msgspec.Struct):
    """A scope's money in nanos."""

    spent: int
    held: int


class Overlay:
    """The touched rows, and the rows to be written."""

    def __init__(self) -> None:
        """Start with nothing loaded."""
        self.rows: dict[str, Row] = {}
        self.taken: set[str] = set()
        self.keys: dict[tuple[str, str], tuple[str, str]] = {}
        self.told: set[tuple[str, str]] = set()
        self.budgets: dict[str, Budget] = {}
        self.created: list[c.CreateRun] = []
        self.entries: list[Any] = []
        self.signals: list[tuple[int, c.Signal]] = []
        self.consumed: list[tuple[str, str]] = []
        self.fresh: set[tuple[str, str]] = set()
        self.done: set[tuple[str, str]] = set()
        self.scopes: set[str] = set()
        self.plain: list[c.Change] = []
        self.dirty: set[str] = set()
        self._undo: list[Callable[[], object]] = []
        self.documents = Documents(self._undo)
        self.lanes = Lanes(self.documents, self._undo)

    def apply(self, changes: tuple[c.Change, ...]) -> tuple[Outcome, ...] | FolkmootError:
        """Apply one set. Returns its outcomes, or the error that kept it out."""
        marks = len(self.created), len(self.entries), len(self.signals), len(self.consumed)
        plain = len(self.plain)
        try:
            known = self._repeated(changes)
            if known is not None:
                return (known, *(None for _ in changes[1:]))
            if len(changes) == 1:
                return (_APPLY[type(changes[0])](self, changes[0]),)
            return self._all(changes)
        except FolkmootError as fault:
            for undo in reversed(self._undo):
                undo()
            lists: tuple[list[Any], ...] = (self.created, self.entries, self.signals, self.consumed)
            for list_, mark in zip(lists, marks, strict=True):
                del list_[mark:]
            del self.plain[plain:]
            return fault
        finally:
            self._undo.clear()

    def changed(self) -> list[Row]:
        """Return the rows that are not as they were, by id: sets that failed have been undone."""
        rows = [self.rows[run] for run in sorted(self.dirty) if run in self.rows]
        return [row for row in rows if row.claim or row.move or row.signal_at or row.put_off]

    def tallies(self) -> list[tuple[str, int]]:
        """Return by how much the number of runs in each state has changed."""
        counted: Counter[str] = Counter()
        born = [self.rows[change.run.id] for change in self.created]
        for row in {row.id: row for row in born + self.changed()}.values():
            if row.was:
                counted[row.was] -= 1
            counted[str(row.state)] += 1
        return sorted((state, n) for state, n in counted.items() if n)

    def _save(self, row: Row) -> None:
        before = row.__copy__()

        def restore() -> None:
            for field in row.__struct_fields__:
                setattr(row, field, getattr(before, field))

        self._undo.append(restore)

    def _fenced(self, run: str, fence: int) -> Row:
        row = self.rows.get(run)
        if row is None or row.fence != fence or row.state != RunState.RUNNING:
            raise LeaseLost(kept="The journal up to the last write that returned.", run=run)
        return row

    def _all(self, changes: tuple[c.Change, ...]) -> tuple[Outcome, ...]:
        """Apply several changes: moves last, for fences count as they stood before the set."""
        outcomes: list[Outcome] = [None] * len(changes)
        moves: list[int] = []
        for at, change in enumerate(changes):
            kind = type(change)
            if kind is c.Move:
                moves.append(at)
                continue
            if at:
                order.keyless(change)
            outcomes[at] = _APPLY[kind](self, change)
            if kind is c.Claim and outcomes[at] is None:
                order.alone(change, changes[at + 1 :])  # type: ignore[arg-type]
        for at in moves:
            outcomes[at] = self.move(changes[at])  # type: ignore[arg-type]
        return tuple(outcomes)

    def _repeated(self, changes: tuple[c.Change, ...]) -> Born | None:
        """Return the run that this set's key made before, if it did: the set is then done already."""
        first = changes[0]
        if type(first) is not c.CreateRun or not first.key:
            return None
        before = self.keys.get((first.run.source, first.key))
        if before is None:
            return None
        for change in changes[1:]:
            order.keyless(change)
        if before[1] != first.fingerprint:
            raise KeyReused(kept=f"The first run, {before[0]}, is as it was.", run=before[0])
        return Born(before[0], new=False)

    def create(self, change: c.CreateRun) -> Outcome:
        """Add a run."""
        run = change.run
        if run.id in self.rows or run.id in self.taken:
            raise Conflict(f"There is a run {run.id} already.", kept="The run that is there.")
        end = order.follow(run.id, 0, change.entries)
        self.rows[run.id] = Row.of(run, 0, end)
        self._undo.append(lambda: self.rows.pop(run.id))
        if change.key:
            name = (run.source, change.key)
            self.keys[name] = (run.id, change.fingerprint)
            self._undo.append(lambda: self.keys.pop(name))
        self.created.append(change)
        self.entries.extend(change.entries)
        return Born(run.id, new=True)

    def claim(self, change: c.Claim) -> Outcome:
        """Take a queued run; the store fills the outcome in when it has written the batch."""
        row = self.rows.get(change.run)
        if row is None or row.state != RunState.QUEUED or row.ready_at > change.now:
            return None
        self._save(row)
        self.dirty.add(row.id)
        wait = self.lanes.hold_back(row, change.now)
        if wait is not None:
            row.put_off, row.ready_at = True, wait
            return None
        self.lanes.count(row.agent, row.state, RunState.RUNNING)
        row.state, row.worker, row.claim = RunState.RUNNING, change.worker, change
        row.put_off = False
        row.fence += 1
        return True

    def append(self, change: c.Append) -> Outcome:
        """Add entries to a journal."""
        row = self._fenced(change.run, change.fence)
        before = row.end
        end = order.follow(row.id, before, change.entries)
        self._undo.append(lambda: setattr(row, "end", before))
        row.end = end
        self.entries.extend(change.entries)
        return row.signals

    def move(self, change: c.Move) -> Outcome:
        """Change a run's state; a signal that came meanwhile keeps it from falling asleep."""
        row = self._fenced(change.run, change.fence)
        self._save(row)
        if change.state in FINAL:
            self.lanes.end(row, change)
        row.state, row.move, row.ready_at = change.state, change, change.ready_at
        if change.state == RunState.WAITING and row.signals > change.signals_seen:
            row.state = RunState.QUEUED
        if row.state != RunState.RUNNING:
            row.worker = ""
            self.lanes.count(row.agent, RunState.RUNNING, row.state)
        self.dirty.add(row.id)
        return None

    def hold(self, change: c.HoldSpend) -> Outcome:
        """Set money aside, when there is enough."""
        self._fenced(change.run, change.fence)
        budget = self._budget(change.scope)
        if budget.spent + budget.held + change.amount > change.limit:
            raise BudgetSpent(
                f"{change.scope}: {(budget.spent + budget.held) / 1e9:.6f} of {change.limit / 1e9:.6f} "
                f"USD are spent or held; this step may cost {change.amount / 1e9:.6f}.",
                kept="Nothing was held.",
                scope=change.scope,
                spent=budget.spent,
                held=budget.held,
                limit=change.limit,
            )
        self._set_budget(change.scope, budget, budget.spent, budget.held + change.amount)
        return None

    def settle(self, change: c.SettleSpend) -> Outcome:
        """Give back what was held, count what was spent."""
        self._fenced(change.run, change.fence)
        budget = self._budget(change.scope)
        held = max(0, budget.held - change.held)
        self._set_budget(change.scope, budget, budget.spent + change.spent, held)
        return None

    def _budget(self, scope: str) -> Budget:
        return self.budgets.setdefault(scope, Budget(0, 0))

    def _set_budget(self, scope: str, budget: Budget, spent: int, held: int) -> None:
        before = budget.spent, budget.held

        def restore() -> None:
            budget.spent, budget.held = before

        self._undo.append(restore)
        budget.spent, budget.held = spent, held
        self.scopes.add(scope)

    def signal(self, change: c.Signal) -> Outcome:
        """Say something to a run; a waiting one wakes."""
        row = self.rows.get(change.run)
        if row is None:
            raise RunUnknown(f"There is no run {change.run}.")
        if (change.run, change.id) in self.told:
            return False
        state = RunState(row.state)
        fits = state in _RETRYABLE if change.kind == "retry" else state not in FINAL
        if not fits:
            raise WrongState(
                f"Run {row.id} is {state}; {change.kind} is not possible.",
                kept="The run as it is.",
                state=str(state),
            )
        self._save(row)
        row.signals += 1
        row.signal_at = change.at
        if state == RunState.WAITING or state in FINAL:
            row.state, row.ready_at, row.worker = RunState.QUEUED, 0, ""
            row.woken_at = change.at
        self.told.add((change.run, change.id))
        self._undo.append(lambda: self.told.discard((change.run, change.id)))
        self.fresh.add((change.run, change.id))
        self._undo.append(lambda: self.fresh.discard((change.run, change.id)))
        self.signals.append((row.signals, change))
        self.dirty.add(row.id)
        return True

    def consume(self, change: c.Consume) -> Outcome:
        """Note that signals are in the journal now."""
        self._fenced(change.run, change.fence)
        for id_ in change.ids:
            name = (change.run, id_)
            if name not in self.fresh:
                self.consumed.append(name)
            elif name not in self.done:
                self.done.add(name)
                self._undo.append(lambda name=name: self.done.discard(name))  # type: ignore[misc]
        return None

    def hasten(self, change: c.Hasten) -> Outcome:
        """Make a run due that was put off until a time."""
        row = self.rows.get(change.run)
        if row is not None and (row.state, row.ready_at) == (RunState.QUEUED, change.until):
            self._save(row)
            row.put_off, row.ready_at = True, 0
            self.dirty.add(row.id)
        return None

    def blob(self, change: c.PutBlob) -> Outcome:
        """Keep bytes."""
        if sha256(change.data).hexdigest() != change.digest:
            raise Invalid(f"The bytes do not have the digest {change.digest}.", kept=_NOTHING)
        self.plain.append(change)
        return None

    def other(self, change: c.Change) -> Outcome:
        """Take a change that touches no loaded row."""
        self.plain.append(change)
        return None


_APPLY: dict[type, Callable[[Overlay, Any], Outcome]] = {
    c.CreateRun: Overlay.create,
    c.Claim: Overlay.claim,
    c.Append: Overlay.append,
    c.Move: Overlay.move,
    c.HoldSpend: Overlay.hold,
    c.SettleSpend: Overlay.settle,
    c.Signal: Overlay.signal,
    c.Consume: Overlay.consume,
    c.PutBlob: Overlay.blob,
    c.Outbox: Overlay.other,
    c.Sent: Overlay.other,
    c.Beat: Overlay.other,
    c.Announced: Overlay.other,
    c.Hasten: Overlay.hasten,
    c.Acquire: lambda over, change: over.documents.acquire(change),
    c.Release: lambda over, change: over.documents.release(change),
    c.Under: lambda over, change: over.documents.under(change),
    c.PutRecord: lambda over, change: over.documents.keep(change),
    c.DropRecord: lambda over, change: over.documents.drop(change),
}
