"""The adapter: connections, the writer, the reads.

States: closed → open → closed. One connection belongs to the writer thread, one to the reader thread.
Several processes may share the file (WAL): a transaction begins IMMEDIATE and waits for the other's to
end. A full disk takes the whole batch back (StoreFull) and the next write simply tries again.
"""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from folkmoot.core import changes as c
from folkmoot.core.changes import Change, Claimed, Lease, Outbox, Outcome, Record, Signal
from folkmoot.core.entries import Entry
from folkmoot.core.errors import FolkmootError, Invalid, StoreClosed, StoreFault, StoreFull
from folkmoot.core.run import Run
from folkmoot.core.urgency import AGEING_MS
from folkmoot.ports.store import GONE_MS, STUCK, Counts, Query, Standing
from folkmoot.stores import queries, standing
from folkmoot.stores.listing import LAST, statement
from folkmoot.stores.sqlite import faults, migrate, rows
from folkmoot.stores.sqlite.batch import Batch
from folkmoot.stores.sqlite.held import Held
from folkmoot.stores.sqlite.pruning import prune
from folkmoot.stores.sqlite.writer import Set, Writer

_ALONE = frozenset({c.Retire, c.Rescue, c.Prune})


class SqliteStore:
    """Truth in one file."""

    capabilities = frozenset({"durable", "shared"})

    def __init__(self, path: Path, *, synchronous: str = "full") -> None:
        """`synchronous` full survives a power cut; normal only a crash of this process."""
        self._path = path
        self._synchronous = synchronous
        self._sql = queries.load("sqlite")
        self._held = Held()
        self._db: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._reading: ThreadPoolExecutor | None = None
        self._writer: Writer | None = None
        self._full = False

    async def open(self) -> None:
        """Open the file, bring its schema up to date, start the writer."""
        if self._writer is not None:
            return
        try:
            await asyncio.to_thread(self._connect)
        except sqlite3.Error as fault:
            raise faults.translated(fault, self._path) from None
        except OSError as fault:
            raise faults.nowhere(fault, self._path) from None
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="folkmoot-read")
        self._writer = Writer(self._commit, self._finish, self._rest)
        self._writer.start()

    def _connect(self) -> None:
        try:
            self._prepare()
        except BaseException:
            self._let_go()
            raise

    def _prepare(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._db = _connection(self._path)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(f"PRAGMA synchronous = {self._synchronous}")
        self._db.execute("PRAGMA wal_autocheckpoint = 4000")
        self._db.execute("PRAGMA cache_size = -16000")  # kilobytes, when they are needed
        migrate.upgrade(self._db, self._path)
        self._reader = _connection(self._path)
        self._reader.execute("PRAGMA query_only = 1")

    async def close(self) -> None:
        """Finish what was accepted, then close the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.stop()
        if self._reading is not None:
            reading, self._reading = self._reading, None
            await asyncio.to_thread(reading.shutdown)
        self._let_go()

    def _let_go(self) -> None:
        """Close what is open of the file."""
        for db in (self._reader, self._db):
            if db is not None:
                db.close()
        self._reader = self._db = None

    def _rest(self) -> None:
        """Nothing was written for a while: move the log into the file and make it short.

        What keeps us from it (a full disk, a reader) is no fault: the log is as good, and the writer lives on.
        Where the file cannot grow to what the log holds it is not even tried: that would take the space that
        the log itself may still use.
        """
        with contextlib.suppress(sqlite3.Error, OSError):
            if self._db is not None and self._fits(self._db):
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _fits(self, db: sqlite3.Connection) -> bool:
        """Whether the disk has room for the whole file."""
        pages, size = (db.execute(f"PRAGMA {x}").fetchone()[0] for x in ("page_count", "page_size"))
        disk = os.statvfs(self._path)
        return bool(pages * size - self._path.stat().st_size < disk.f_bavail * disk.f_frsize)

    def _finish(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    @property
    def writer(self) -> Writer | None:
        """The writer, for counting commits."""
        return self._writer

    async def write(self, *changes: Change) -> tuple[Outcome, ...]:
        """Apply all changes or none."""
        if not changes:
            return ()
        if self._writer is None:
            raise StoreClosed(kept="Everything that was written before.")
        return await self._writer.write(changes)

    def _commit(self, sets: Sequence[Set]) -> list[Any]:
        if self._full:
            # A row that was written often stands in the log as often: the log may hold what is missing.
            self._full = False
            self._rest()
        results: list[Any] = []
        segment: list[Set] = []
        for changes in sets:
            if not _ALONE.isdisjoint(map(type, changes)):
                results += self._transact(segment)
                segment = []
                results.append(self._alone(changes))
            else:
                segment.append(changes)
        return results + self._transact(segment)

    def _transact(self, sets: Sequence[Set], *, wary: bool = False) -> list[Any]:
        """Commit the sets together; should the database itself object, each on its own, and wary."""
        if not sets:
            return []
        try:
            done: list[Any] = self._within(lambda db: Batch(db, self._held, sets, wary=wary).run())
        except (*faults.UNWRITABLE, StoreFault) as fault:
            if wary:
                return [faults.unwritable(fault, self._path)]
        except sqlite3.Error as fault:
            return [self._failed(fault)] * len(sets)
        else:
            return done
        return [self._transact([changes], wary=True)[0] for changes in sets]

    def _within(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        db = self._db
        assert db is not None
        db.execute("BEGIN IMMEDIATE")
        try:
            self._held.trust(self._version())
            result: Any = work(db)
            db.execute("COMMIT")
        except BaseException:
            self._held.forget()
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return result

    def _alone(self, changes: Set) -> Any:
        if len(changes) > 1:
            return Invalid(
                "Retire, Rescue and Prune stand alone in their set.", kept="Nothing was written."
            )
        self._held.forget()
        try:
            return self._within(lambda db: (self._requeue(db, changes[0]),))
        except sqlite3.Error as fault:
            return self._failed(fault)

    def _failed(self, fault: sqlite3.Error) -> FolkmootError:
        error = faults.translated(fault, self._path)
        self._full = isinstance(error, StoreFull)
        return error

    def _requeue(self, db: sqlite3.Connection, change: Change) -> tuple[str, ...]:
        if isinstance(change, c.Prune):
            return prune(db, change)
        if isinstance(change, c.Retire):
            db.execute(self._sql["retire"], (change.worker,))
            lost = db.execute(self._sql["release"], (change.worker, change.at)).fetchall()
            woken = []
        else:
            assert isinstance(change, c.Rescue)
            db.execute(self._sql["forget_workers"], (GONE_MS, change.earliest, change.latest))
            lost = db.execute(self._sql["rescue"], (change.now, change.earliest)).fetchall()
            woken = db.execute(self._sql["wake"], (change.now,)).fetchall()
        if lost or woken:
            tally = queries.many("sqlite", "add_tallies", 2, 3)
            counts = (
                "queued",
                len(lost) + len(woken),
                "running",
                -len(lost),
                "waiting",
                -len(woken),
            )
            db.execute(tally, counts)
        return tuple(row[0] for row in lost + woken)

    async def _read(self, name: str, *args: Any) -> list[Any]:
        return await self._fetch(self._sql[name], *args)

    async def _fetch(self, text: str, *args: Any) -> list[Any]:
        if self._reading is None or self._reader is None:
            raise StoreClosed
        reader = self._reader
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._reading, lambda: reader.execute(text, args).fetchall()
            )
        except sqlite3.Error as fault:
            raise faults.translated(fault, self._path) from None

    async def run(self, run: str) -> Run | None:
        """Return one run."""
        found = await self._read("run", run)
        return rows.to_run(found[0]) if found else None

    async def peek(self, runs: Sequence[str], now: int) -> list[Claimed]:
        """Return what claims would give, without claiming."""
        names = msgspec.json.encode(runs).decode()
        found = {row[0]: (rows.to_run(row), row[-1]) for row in await self._read("claimed", names)}
        could = {id_: x for id_, x in found.items() if x[0].ready(now)}
        names = msgspec.json.encode(list(could)).decode()
        journals: dict[str, list[Entry]] = {id_: [] for id_ in could}
        unread = [id_ for id_, (run, _) in could.items() if not run.fence]
        for row in await self._read("journals", msgspec.json.encode(unread).decode()):
            journals[row[0]].append(rows.to_entry(row))
        pending: dict[str, list[Signal]] = {id_: [] for id_ in could}
        for row in await self._read("open_signals", names):
            pending[row[0]].append(rows.to_signal(row))
        return [
            Claimed(run, tuple(journals[id_]), told, tuple(pending[id_]))
            for id_, (run, told) in could.items()
        ]

    async def runs(self, query: Query) -> list[Run]:
        """List runs, newest first."""
        text = statement("sqlite", query.states, agent=bool(query.agent))
        found = await self._fetch(text, query.agent, query.before or LAST, query.limit)
        return [rows.to_run(row) for row in found]

    async def entries(self, run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Return entries in order."""
        return [rows.to_entry(row) for row in await self._read("entries", run, after, limit)]

    async def signals(self, runs: Sequence[str]) -> list[Signal]:
        """Return signals that no journal holds yet."""
        names = msgspec.json.encode(list(runs)).decode()
        return [rows.to_signal(row) for row in await self._read("open_signals", names)]

    async def signalled(self, worker: str) -> list[str]:
        """Return the worker's runs that somebody spoke to."""
        return [row[0] for row in await self._read("signalled", worker)]

    async def ready(self, now: int, limit: int, unannounced_before: int) -> list[Run]:
        """Return runs that could be claimed and were not announced lately."""
        found = await self._read("ready", now, unannounced_before, limit, AGEING_MS)
        return [rows.to_run(row) for row in found]

    async def announced(self, since: int) -> int:
        """Count the queued runs that were announced lately."""
        return int((await self._read("announced", since))[0][0])

    async def due(self) -> int | None:
        """Return the next time at which something wants to go on."""
        found = await self._read("due")
        return found[0][0] if found else None

    async def blob(self, digest: str) -> bytes | None:
        """Return kept bytes."""
        found = await self._read("blob", digest)
        return found[0][0] if found else None

    async def spent(self, scope: str) -> tuple[int, int]:
        """Return (spent, held) in nanos."""
        found = await self._read("spent", scope)
        return (found[0][0], found[0][1]) if found else (0, 0)

    async def outbox(self, now: int, limit: int) -> list[Outbox]:
        """Return what waits to be sent."""
        found = await self._read("open_outbox", now, limit)
        return [Outbox(id=a, run=b, topic=d, body=e, at=f) for a, b, d, e, f in found]

    async def lease(self, name: str) -> Lease:
        """Return how a lease stands."""
        found = await self._read("lease", name)
        return Lease(name, *found[0]) if found else Lease(name, "", 0, 0)

    async def record(self, kind: str, key: str) -> Record | None:
        """Return a document."""
        found = await self._read("record", kind, key)
        return Record(*found[0]) if found else None

    async def records(self, kind: str, after: str = "", limit: int = 1000) -> list[Record]:
        """Return documents of a kind, in the order of their keys."""
        return [Record(*row) for row in await self._read("records", kind, after, limit)]

    async def due_records(self, kind: str, now: int, limit: int) -> list[Record]:
        """Return documents of a kind whose time has come."""
        return [Record(*row) for row in await self._read("due_records", kind, now, limit)]

    async def counts(self) -> Counts:
        """Count things."""
        states = dict(await self._read("count_states"))
        workers = (await self._read("count_workers"))[0][0]
        outbox = (await self._read("count_outbox"))[0][0]
        dead = (await self._read("count_dead"))[0][0]
        size = self._path.stat().st_size if self._path.exists() else 0
        return Counts(states=states, workers=workers, outbox=outbox, dead=dead, bytes=size)

    async def standing(self, now: int, quiet_before: int) -> Standing:
        """Tell how the fleet stands."""
        return standing.made(
            await self.now(),
            await self._read("seen", GONE_MS),
            await self._read("lines", now),
            await self._read("stuck", quiet_before, STUCK),
        )

    async def now(self) -> int:
        """Return this machine's time, as SQLite has it."""
        return int((await self._read("clock"))[0][0])

    async def changed(self) -> int:
        """Return SQLite's data version as the writer sees it: other processes' commits change it."""
        if self._writer is None:
            raise StoreClosed
        return int(await self._writer.call(self._version))

    def _version(self) -> int:
        assert self._db is not None
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])


def _connection(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(
        path,
        timeout=faults.BUSY_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
    db.execute("PRAGMA foreign_keys = 0")
    return db
