"""The connection that writes, and what becomes of a batch when it is lost.

A connection writes under a name: a row in `writers`. Each batch puts its number into that row, in its own
transaction. When the connection is lost, nobody knows whether the last batch was committed. So we connect
anew, end the old session if the server still has it, and close the old row: the statement waits for a
transaction that may still be at work under it, and none can commit under a closed name. The number that
the row then shows is the truth: a batch with a higher number was not written, and never will be.

While the database is away this is tried again for `patience_s`; then StoreFault. After that each batch
tries once, and is refused at once until the database is back.
"""

import asyncio
from typing import Any

import asyncpg

from folkmoot.core.errors import FolkmootError, SchemaMismatch
from folkmoot.stores import queries
from folkmoot.stores.postgres import faults, migrate
from folkmoot.stores.postgres.address import WRITING, Address
from folkmoot.stores.postgres.batch import Ticket

ANSWER_S = 30.0
"""How long one statement may take before the connection is given up."""

_FIRST_S, _LONGEST_S = 0.05, 1.0
_SLOTS = 64


class Line:
    """A connection that may be lost and found again."""

    def __init__(self, address: Address, patience_s: float) -> None:
        """Nothing is connected."""
        self._address = address
        self._patience_s = patience_s
        self._sql = queries.load("postgres")
        self._db: Any = None
        self._session: Any = None
        self._name = 0
        self._number = 0
        self._lost = False
        self._tired = False

    @property
    def name(self) -> int:
        """The name under which this process writes."""
        return self._name

    @property
    def db(self) -> Any:
        """The connection."""
        return self._db

    async def open(self) -> None:
        """Connect. Raises StoreFault, SchemaMismatch, SettingsInvalid."""
        db = await self._address.connect(WRITING)
        try:
            await self._greet(db)
            await db.execute(self._sql["prune_writers"])
        except BaseException:
            await self._hang_up(db)
            raise

    async def close(self) -> None:
        """Let go. Idempotent."""
        db, self._db = self._db, None
        if db is not None:
            await self._hang_up(db)

    def ticket(self) -> Ticket:
        """Return the next number, under our name."""
        self._number += 1
        return Ticket(self._name, self._number, self._name % _SLOTS)

    async def ready(self) -> None:
        """See that there is a connection. Raises StoreFault."""
        if self._lost or self._db is None or self._db.is_closed():
            await self.recover()

    async def recover(self) -> int:
        """Connect anew, and return the number of the last batch that was committed under the old name."""
        self._lost = True
        if self._db is not None:
            self._db.terminate()
        clock = asyncio.get_running_loop().time
        until = clock() + (0 if self._tired else self._patience_s)
        pause = _FIRST_S
        while True:
            try:
                return await self._again()
            except (FolkmootError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as fault:
                if clock() + pause > until or isinstance(fault, SchemaMismatch):
                    self._tired = True
                    raise faults.translated(fault, self._address.place) from None
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_S)

    async def _again(self) -> int:
        db = await self._address.connect(WRITING)
        try:
            await db.fetch(self._sql["end_session"], *self._session, timeout=ANSWER_S)
            last = await db.fetchval(self._sql["close_writer"], self._name, timeout=ANSWER_S)
            await self._greet(db)
        except BaseException:
            db.terminate()
            raise
        self._lost = self._tired = False
        return int(last or 0)

    async def _greet(self, db: Any) -> None:
        """Look whether it is the right place, and take a name."""
        if db.get_settings().server_encoding != "UTF8":
            raise SchemaMismatch(
                "The database's encoding is not UTF8; texts of any script could not be kept.",
                kept="The database was not touched.",
                todo="Create the database with: createdb --encoding=UTF8 --template=template0 NAME",
            )
        await migrate.check(db)
        if await db.fetchval("SHOW synchronous_commit") == "off":
            await db.execute("SET synchronous_commit = on")
        row = await db.fetchrow(self._sql["session"])
        self._name = await db.fetchval(self._sql["new_writer"])
        self._session = (row[0], row[1])
        self._db = db

    async def _hang_up(self, db: Any) -> None:
        try:
            await db.close(timeout=1.0)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            db.terminate()
