"""What the changes of a batch speak of."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from folkmoot.core import changes as c
from folkmoot.core.run import FINAL, Run

Set = tuple[c.Change, ...]
# By type and not by isinstance: for these classes that costs ten times as much, a dozen times a set.
_OF_RUNS = frozenset({c.Append, c.Move, c.HoldSpend, c.SettleSpend, c.Consume, c.Hasten})
_OF_BUDGETS = frozenset({c.HoldSpend, c.SettleSpend})
OF_LEASES = frozenset({c.Acquire, c.Release, c.Under})
OF_RECORDS = frozenset({c.PutRecord, c.DropRecord})
DOCUMENTS = OF_LEASES | OF_RECORDS


class Named:
    """Runs, keys, signals and budgets by their names."""

    def __init__(self, sets: Iterable[Set]) -> None:
        """Collect them."""
        self.runs: set[str] = set()
        self.born: set[str] = set()
        self.keys: set[tuple[str, str]] = set()
        self.told: set[tuple[str, str]] = set()
        self.scopes: set[str] = set()
        self.newborn: dict[str, Run] = {}
        self.claims: list[c.Claim] = []
        self.ended: set[str] = set()
        self.documents: list[Any] = []
        self._often: set[str] = set()
        wanted: Iterable[Any] = chain.from_iterable(sets)
        for change in wanted:
            kind = type(change)
            if kind in _OF_RUNS:
                self._touch(change.run)
                if kind in _OF_BUDGETS:
                    self.scopes.add(change.scope)
                elif kind is c.Move and change.state in FINAL:
                    self.ended.add(change.run)
            else:
                self._add(change)

    def _add(self, change: Any) -> None:
        kind = type(change)
        if kind is c.Signal:
            self._touch(change.run)
            self.told.add((change.run, change.id))
        elif kind is c.Claim:
            self.claims.append(change)
            self._touch(change.run)
        elif kind is c.CreateRun:
            self.born.add(change.run.id)
            self.newborn[change.run.id] = change.run
            if change.key:
                self.keys.add((change.run.source, change.key))
        elif kind in DOCUMENTS:
            self.documents.append(change)

    def _touch(self, run: str) -> None:
        (self._often if run in self.runs else self.runs).add(run)

    def lone_claims(self) -> Sequence[str] | None:
        """Return the runs that are claimed to be read, and nothing else.

        None when one of them is touched by another change of the batch, too: what the claim gives then
        depends on that change, and can only be read after the batch.
        """
        wanted = [claim.run for claim in self.claims if claim.read]
        if any(run in self._often or run in self.born for run in wanted):
            return None
        return wanted
