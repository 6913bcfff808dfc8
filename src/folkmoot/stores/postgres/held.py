"""What this process believes of rows that it wrote last, so that they need not be read again.

A run at work is written every few milliseconds by the worker that holds it. A belief may be wrong, for
others write, too: the database compares it with the row that it has locked and refuses the whole batch
when they differ. Then the rows are forgotten here, locked, read and judged anew.
"""

from collections.abc import Iterable

from folkmoot.core.changes import Record
from folkmoot.core.run import FINAL
from folkmoot.stores.overlay import Budget, Overlay, Row

_MOST = 50_000


class Held:
    """Rows by run, budgets by scope, lanes by agent (None: it has none)."""

    def __init__(self) -> None:
        """Know nothing."""
        self._rows: dict[str, Row] = {}
        self._budgets: dict[str, Budget] = {}
        self.lanes: dict[str, Record | None] = {}

    def expect(self, rows: Iterable[Row]) -> None:
        """Believe rows that were read, unless what we wrote ourselves is newer."""
        for row in rows:
            known = self._rows.get(row.id)
            if known is None or (known.fence, known.signals) < (row.fence, row.signals):
                self._rows[row.id] = row

    def forget(self, runs: Iterable[str], scopes: Iterable[str]) -> None:
        """Do not believe these any more."""
        for run in runs:
            self._rows.pop(run, None)
        for scope in scopes:
            self._budgets.pop(scope, None)

    def rows(self, runs: Iterable[str]) -> tuple[dict[str, Row], list[str]]:
        """Hand out the rows that are known, and name the runs that must be read.

        Rows are changed by whoever gets them: they are known again when `keep` is told.
        """
        found = {run: self._rows.pop(run, None) for run in runs}
        known = {run: row for run, row in found.items() if row is not None}
        return known, [run for run, row in found.items() if row is None]

    def budgets(self, scopes: Iterable[str]) -> tuple[dict[str, Budget], list[str]]:
        """Hand out the budgets that are known, and name the scopes that must be read."""
        found = {scope: self._budgets.pop(scope, None) for scope in scopes}
        known = {scope: budget for scope, budget in found.items() if budget is not None}
        return known, [scope for scope, budget in found.items() if budget is None]

    def keep(self, overlay: Overlay) -> None:
        """Believe what a batch has left behind; it is committed."""
        if len(self._rows) > _MOST or len(self._budgets) > _MOST:
            self._rows.clear()
            self._budgets.clear()
        if len(self.lanes) > _MOST:
            self.lanes.clear()
        for run, row in overlay.rows.items():
            if row.state not in FINAL:
                row.settle()
                self._rows[run] = row
        self._budgets.update(overlay.budgets)
