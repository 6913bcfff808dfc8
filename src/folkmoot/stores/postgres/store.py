"""The adapter: PostgreSQL for many processes.

States: closed → open → closed. One connection writes (writer.py, line.py), up to `pool` others read.
Every write is one transaction with `synchronous_commit` on; it returns when the server has it on disk.
A restart of the database is waited out for `patience_s` seconds, reads and writes alike; after that they
raise StoreFault, at once, until it is back. Nothing of ours needs a restart.
`open` never changes the schema: `folkmoot db upgrade` does.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from folkmoot.core.changes import Change, Claimed, Lease, Outbox, Outcome, Record, Signal
from folkmoot.core.entries import Entry
from folkmoot.core.errors import StoreClosed
from folkmoot.core.run import Run
from folkmoot.core.urgency import AGEING_MS
from folkmoot.ports.store import GONE_MS, STUCK, Counts, Query, Standing
from folkmoot.stores import standing
from folkmoot.stores.listing import LAST, statement
from folkmoot.stores.postgres import look, rows
from folkmoot.stores.postgres.address import Address
from folkmoot.stores.postgres.documents import to_record
from folkmoot.stores.postgres.line import Line
from folkmoot.stores.postgres.reader import Reader
from folkmoot.stores.postgres.rows import plain, quoted
from folkmoot.stores.postgres.together import Together
from folkmoot.stores.postgres.writer import Writer

SIZE_S = 5.0
"""How long the database's size on disk is believed."""


class PostgresStore:
    """Truth in a PostgreSQL database."""

    capabilities = frozenset({"clock", "durable", "shared"})

    def __init__(self, url: str, *, pool: int = 4, patience_s: float = 10.0) -> None:
        """`pool` connections at most read, and one writes; the URL's password is never shown."""
        address = Address(url)
        self._place = address.place
        self._line = Line(address, patience_s)
        self._reader = Reader(address, pool, patience_s)
        self._runs = Together(self._some)
        self._writer: Writer | None = None
        self._bytes = 0
        self._sized_at = float("-inf")

    async def open(self) -> None:
        """Connect. Raises SchemaMismatch unless the schema is ours, StoreFault, SettingsInvalid."""
        if self._writer is not None:
            return
        await self._line.open()
        try:
            await self._reader.open()
        except BaseException:
            await self._line.close()
            raise
        self._writer = Writer(self._line, self._place)
        self._writer.start()

    async def close(self) -> None:
        """Finish what was accepted, then disconnect."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.stop()
        await self._reader.close()
        await self._line.close()

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

    async def _ask(self, name: str, *args: Any) -> list[Any]:
        if self._writer is None:
            raise StoreClosed
        return await self._reader.ask(name, *args)

    async def run(self, run: str) -> Run | None:
        """Return one run."""
        return await self._runs.get(run)

    async def _some(self, names: Sequence[str]) -> dict[str, Run]:
        found = [rows.to_run(row) for row in await self._ask("some_runs", names)]
        return {run.id: run for run in found}

    async def peek(self, runs: Sequence[str], now: int) -> list[Claimed]:
        """Return what claims would give, without claiming."""
        if self._writer is None:
            raise StoreClosed
        found = await look.peek(self._reader.ask, runs, now)
        self._writer.expect(one.row() for one in found if one.entries)
        return [one.claimed() for one in found]

    async def runs(self, query: Query) -> list[Run]:
        """List runs, newest first."""
        if self._writer is None:
            raise StoreClosed
        text = statement("postgres", query.states, agent=bool(query.agent))
        before = quoted(query.before) or LAST
        found = await self._reader.fetch(text, quoted(query.agent), before, query.limit)
        return [rows.to_run(row) for row in found]

    async def entries(self, run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Return entries in order."""
        found = await self._ask("entries", quoted(run), after, limit)
        return [rows.to_entry(row) for row in found]

    async def signals(self, runs: Sequence[str]) -> list[Signal]:
        """Return signals that no journal holds yet."""
        found = await self._ask("open_signals", [quoted(run) for run in runs])
        return [rows.to_signal(row) for row in found]

    async def signalled(self, worker: str) -> list[str]:
        """Return the worker's runs that somebody spoke to."""
        return [plain(row[0]) for row in await self._ask("signalled", quoted(worker))]

    async def ready(self, now: int, limit: int, unannounced_before: int) -> list[Run]:
        """Return runs that could be claimed and were not announced lately."""
        found = await self._ask("ready", now, unannounced_before, limit, AGEING_MS)
        return [rows.to_run(row) for row in found]

    async def announced(self, since: int) -> int:
        """Count the queued runs that were announced lately."""
        return int((await self._ask("announced", since))[0][0])

    async def due(self) -> int | None:
        """Return the next time at which something wants to go on."""
        at: int | None = (await self._ask("due"))[0][0]
        return at

    async def blob(self, digest: str) -> bytes | None:
        """Return kept bytes."""
        found = await self._ask("blob", digest)
        return found[0][0] if found else None

    async def spent(self, scope: str) -> tuple[int, int]:
        """Return (spent, held) in nanos."""
        found = await self._ask("spent", quoted(scope))
        return (found[0][0], found[0][1]) if found else (0, 0)

    async def outbox(self, now: int, limit: int) -> list[Outbox]:
        """Return what waits to be sent."""
        return [rows.to_letter(row) for row in await self._ask("open_outbox", now, limit)]

    async def lease(self, name: str) -> Lease:
        """Return how a lease stands."""
        found = await self._ask("lease", quoted(name))
        return Lease(name, plain(found[0][0]), *found[0][1:]) if found else Lease(name, "", 0, 0)

    async def record(self, kind: str, key: str) -> Record | None:
        """Return a document."""
        found = await self._ask("record", quoted(kind), quoted(key))
        return to_record(found[0]) if found else None

    async def records(self, kind: str, after: str = "", limit: int = 1000) -> list[Record]:
        """Return documents of a kind, in the order of their keys."""
        found = await self._ask("records", quoted(kind), quoted(after), limit)
        return [to_record(row) for row in found]

    async def due_records(self, kind: str, now: int, limit: int) -> list[Record]:
        """Return documents of a kind whose time has come."""
        found = await self._ask("due_records", quoted(kind), now, limit)
        return [to_record(row) for row in found]

    async def counts(self) -> Counts:
        """Count things."""
        states = {row[0]: row[1] for row in await self._ask("count_states")}
        workers, outbox, dead = (await self._ask("count_rest"))[0]
        return Counts(
            states=states, workers=workers, outbox=outbox, dead=dead, bytes=await self._size()
        )

    async def _size(self) -> int:
        """Return the database's bytes on disk, as they were at most SIZE_S ago."""
        now = asyncio.get_running_loop().time()
        if now - self._sized_at > SIZE_S:
            self._bytes = int((await self._ask("size"))[0][0])
            self._sized_at = now
        return self._bytes

    async def standing(self, now: int, quiet_before: int) -> Standing:
        """Tell how the fleet stands."""
        return standing.made(
            await self.now(),
            await self._ask("seen", GONE_MS),
            await self._ask("lines", now),
            await self._ask("stuck", quiet_before, STUCK),
            plain,
        )

    async def now(self) -> int:
        """Return the database's time."""
        return int((await self._ask("clock"))[0][0])

    async def changed(self) -> int:
        """Return how many batches others have written: the sum of the other writers' numbers."""
        return int((await self._ask("changed", self._line.name))[0][0])
