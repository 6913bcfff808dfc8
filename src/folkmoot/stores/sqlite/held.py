"""Rows that this process wrote last, so that they need not be read again.

A run at work is written every few milliseconds by the worker that holds it. Its row is kept here after
each commit, and so are the budgets it draws on. They are trusted only inside a transaction, and only
while SQLite's data version says that no other process has written since; else they are forgotten.
Whatever goes wrong in a transaction makes us forget them too.
"""

from collections.abc import Iterable

from folkmoot.core.changes import Record
from folkmoot.core.lane import KIND
from folkmoot.core.run import FINAL
from folkmoot.stores.overlay import Budget, Overlay, Row

_MOST = 50_000


class Held:
    """Rows by run, budgets by scope, lanes (None: it has none) and runs at work by agent."""

    def __init__(self) -> None:
        """Know nothing."""
        self._rows: dict[str, Row] = {}
        self._budgets: dict[str, Budget] = {}
        self.lanes: dict[str, Record | None] = {}
        self.running: dict[str, int] = {}
        self._version = -1

    def trust(self, version: int) -> None:
        """Begin a transaction: forget everything if somebody else has written."""
        if version != self._version:
            self.forget()
            self._version = version

    def forget(self) -> None:
        """Know nothing any more."""
        self._rows.clear()
        self._budgets.clear()
        self.lanes.clear()
        self.running.clear()

    def rows(self, runs: Iterable[str]) -> tuple[dict[str, Row], list[str]]:
        """Return the rows that are known, and the runs that must be read."""
        known = {run: row for run in runs if (row := self._rows.get(run)) is not None}
        return known, [run for run in runs if run not in known]

    def budgets(self, scopes: Iterable[str]) -> tuple[dict[str, Budget], list[str]]:
        """Return the budgets that are known, and the scopes that must be read."""
        known = {
            scope: found for scope in scopes if (found := self._budgets.get(scope)) is not None
        }
        return known, [scope for scope in scopes if scope not in known]

    def keep(self, overlay: Overlay) -> None:
        """Remember what a batch leaves behind; the transaction is about to commit."""
        if max(len(self._rows), len(self._budgets), len(self.lanes)) > _MOST:
            self.forget()
        for run, row in overlay.rows.items():
            if row.state in FINAL:
                self._rows.pop(run, None)
                continue
            row.settle()
            self._rows[run] = row
        self._budgets.update(overlay.budgets)
        self.running.update(overlay.lanes.running)
        for kind, key in overlay.documents.touched:
            if kind == KIND:
                self.lanes[key] = overlay.documents.records.get((kind, key))
