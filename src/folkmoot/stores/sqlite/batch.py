"""One transaction: load the touched rows, let the overlay decide, write what came of it.

Every statement here speaks of many rows and returns one: the driver gives the interpreter's lock away
at each row, and beside a busy event loop each return of it would cost a time slice.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import chain
from typing import Any

import msgspec
from msgspec.structs import astuple

from folkmoot.core import changes as c
from folkmoot.core.changes import Claimed, Outcome
from folkmoot.core.entries import Entry
from folkmoot.core.errors import FolkmootError
from folkmoot.core.run import Run
from folkmoot.stores import queries
from folkmoot.stores.overlay import Budget, Overlay, Row
from folkmoot.stores.sqlite import documents, rows
from folkmoot.stores.sqlite.held import Held
from folkmoot.stores.written import born, divide

Set = tuple[c.Change, ...]
Result = tuple[Outcome, ...] | FolkmootError

_SIZES = (128, 64, 32, 16, 8, 4, 2, 1)
_decode = msgspec.json.decode
_encode = msgspec.json.encode
# By type and not by isinstance: for these classes that costs ten times as much, a dozen times a set.
_OF_A_RUN = frozenset(
    {c.Append, c.Move, c.HoldSpend, c.SettleSpend, c.Consume, c.Claim, c.Signal, c.Hasten}
)
_OF_A_BUDGET = frozenset({c.HoldSpend, c.SettleSpend})


class _Named:
    """What changes speak of."""

    def __init__(self, changes: Iterable[Any]) -> None:
        self.runs: set[str] = set()
        self.newborn: list[Run] = []
        self.keys: list[tuple[str, str]] = []
        self.told: list[tuple[str, str]] = []
        self.scopes: set[str] = set()
        self.documents: list[c.Change] = []
        for change in changes:
            kind = type(change)
            if kind in _OF_A_RUN:
                self.runs.add(change.run)
                if kind in _OF_A_BUDGET:
                    self.scopes.add(change.scope)
                elif kind is c.Signal:
                    self.told.append((change.run, change.id))
            elif kind is c.CreateRun:
                self.newborn.append(change.run)
                if change.key:
                    self.keys.append((change.run.source, change.key))
            elif documents.speaks_of(change):
                self.documents.append(change)


class Batch:
    """The sets of one transaction, on an open connection."""

    def __init__(
        self, db: sqlite3.Connection, held: Held, sets: Sequence[Set], *, wary: bool = False
    ) -> None:
        """Nothing happens before `run`.

        A new run's name is new, but for a caller's mistake: only who is `wary` looks first. Otherwise
        the table objects, the transaction is undone, and then we are.
        """
        self._wary = wary
        self._db = db
        self._held = held
        self._sets = sets
        self._sql = queries.load("sqlite")
        self._overlay = Overlay()

    def run(self) -> list[Result]:
        """Do it all inside the open transaction; return a result for each set."""
        self._load()
        results: list[Result] = [self._overlay.apply(changes) for changes in self._sets]
        self._write()
        self._fill_claims(results)
        self._held.keep(self._overlay)
        return results

    def _one(self, name: str, value: Any) -> Any:
        row = self._db.execute(self._sql[name], (_encode(value).decode(),)).fetchone()
        return _decode(row[0])

    def _load(self) -> None:
        """Read the rows that the sets speak of, a statement for each table."""
        named = _Named(chain.from_iterable(self._sets))
        over = self._overlay
        born = () if self._wary else [run.id for run in named.newborn]
        over.rows, unknown = self._held.rows(sorted(named.runs.difference(born)))
        if unknown:
            over.rows.update((row[0], _loaded(row)) for row in self._one("touched", unknown))
        if named.newborn and self._wary:
            over.taken = set(self._one("taken", [run.id for run in named.newborn]))
        if named.keys:
            found = self._one("keys", named.keys)
            over.keys = {(source, key): (run, print_) for source, key, run, print_ in found}
        if named.told:
            over.told = {(run, id_) for run, id_ in self._one("told", named.told)}
        over.budgets, unread = self._held.budgets(sorted(named.scopes))
        if unread:
            found = self._one("budgets", unread)
            over.budgets.update((scope, Budget(spent, held)) for scope, spent, held in found)
        if named.documents:
            documents.load(self._db, over.documents, named.documents)
        documents.load_lanes(self._db, self._held, over, named.newborn)

    def _many(self, name: str, lines: Sequence[tuple[Any, ...]]) -> None:
        """Write rows by statements of a few fixed sizes, which stay prepared."""
        start, left = 0, len(lines)
        for size in _SIZES:
            while left >= size:
                part = lines[start : start + size]
                statement = queries.many("sqlite", name, len(part[0]), size)
                self._db.execute(statement, tuple(chain.from_iterable(part)))
                start += size
                left -= size

    def _write(self) -> None:
        over = self._overlay
        if over.created:
            self._many("insert_runs", [rows.from_run(*x) for x in born(over)])
            keyed = [x for x in over.created if x.key]
            self._many(
                "insert_inbox", [(x.run.source, x.key, x.run.id, x.fingerprint) for x in keyed]
            )
        if over.entries:
            self._write_entries(over.entries)
        if over.consumed:
            self._many("consume_signals", over.consumed)
        if over.signals:
            lines = [
                (x.run, nr, x.id, x.kind, x.body, x.at, int((x.run, x.id) in over.done))
                for nr, x in over.signals
            ]
            self._many("insert_signals", lines)
        if over.scopes:
            budgets = over.budgets
            self._many(
                "upsert_spends",
                [(x, budgets[x].spent, budgets[x].held) for x in sorted(over.scopes)],
            )
        changed = over.changed()
        if changed:
            self._write_runs(changed)
        if changed or over.created:
            self._many("add_tallies", over.tallies())
        for change in over.plain:
            self._write_plain(change)
        documents.write(self._db, over.documents)

    def _write_entries(self, entries: Sequence[Entry]) -> None:
        self._many("insert_entries", [astuple(x) for x in entries if len(x.body) < rows.BLOB_FROM])
        blobs, lines = [], []
        for x in entries:
            if len(x.body) >= rows.BLOB_FROM:
                digest = sha256(x.body).hexdigest()
                blobs.append((digest, x.body))
                lines.append((x.run, x.seq, x.at, x.kind, digest, x.hash))
        self._many("insert_blobs", blobs)
        self._many("insert_long_entries", lines)

    def _write_runs(self, touched: list[Row]) -> None:
        claims, changes = divide(touched)
        if claims:
            self._many("claim_runs", claims)
        if changes:
            self._many("update_runs", [rows.from_written(x) for x in changes])

    def _write_plain(self, change: c.Change) -> None:
        run, sql = self._db.execute, self._sql
        match change:
            case c.PutBlob(digest=digest, data=data):
                self._many("insert_blobs", [(digest, data)])
            case c.Outbox(id=id_, run=of, topic=topic, body=body, at=at):
                self._many("insert_outbox", [(id_, of, topic, body, at, at)])
            case c.Sent(id=id_, at=at, error=error, next_at=next_at):
                if error:
                    run(sql["unsent"], (id_, error, next_at or at))
                else:
                    run(sql["sent"], (id_, at))
            case c.Beat(worker=worker, ttl_ms=ttl, note=note):
                run(sql["beat"], (worker, note, ttl))
            case c.Announced(runs=runs, at=at):
                run(sql["announce"], (at, _encode(runs).decode()))
            case _:
                raise AssertionError(f"{change!r} has no statement")

    def _fill_claims(self, results: list[Result]) -> None:
        """Put what each won claim gives in the place of its new fence."""
        won = [
            (at, nr, change.run)
            for at, changes in enumerate(self._sets)
            for nr, change in enumerate(changes)
            if type(change) is c.Claim
            and change.read
            and not isinstance(results[at], FolkmootError)
            and results[at][nr] is not None  # type: ignore[index]
        ]
        if not won:
            return
        given = self._read_claimed([run for _, _, run in won])
        for at, nr, run in won:
            outcomes = list(results[at])  # type: ignore[arg-type]
            outcomes[nr] = given[run]
            results[at] = tuple(outcomes)

    def _read_claimed(self, runs: list[str]) -> dict[str, Claimed]:
        names = _encode(runs).decode()
        read = self._db.execute
        journals: dict[str, list[Any]] = {run: [] for run in runs}
        for row in read(self._sql["journals"], (names,)).fetchall():
            journals[row[0]].append(rows.to_entry(row))
        open_: dict[str, list[c.Signal]] = {run: [] for run in runs}
        for row in read(self._sql["open_signals"], (names,)).fetchall():
            open_[row[0]].append(rows.to_signal(row))
        found: dict[str, tuple[Run, int]] = {
            row[0]: (rows.to_run(row), row[-1])
            for row in read(self._sql["claimed"], (names,)).fetchall()
        }
        return {
            run: Claimed(found[run][0], tuple(journals[run]), found[run][1], tuple(open_[run]))
            for run in runs
        }


def _loaded(columns: list[Any]) -> Row:
    row = Row(*columns)
    row.was = row.state
    return row
