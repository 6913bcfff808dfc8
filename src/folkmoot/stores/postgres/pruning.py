"""Prune: old runs go, in a transaction of their own.

Order: the runs are locked (those that somebody else has are passed over), then the table of bodies if
there are any to go, then rows are deleted. Writers lock runs before bodies, too, so nobody waits in a circle.
"""

from collections import Counter
from typing import Any

from folkmoot.core import changes as c
from folkmoot.stores import queries
from folkmoot.stores.postgres.batch import Ticket
from folkmoot.stores.postgres.rows import plain, quoted

_LAST = chr(0x10FFFF)
"""Behind every id."""


class Pruning:
    """One such set; `runs` are the runs that go, known before the transaction is committed."""

    def __init__(self, change: c.Prune) -> None:
        """Nothing happens before `run`."""
        self._change = change
        self._sql = queries.load("postgres")
        self.runs: tuple[str, ...] = ()

    async def run(self, db: Any, ticket: Ticket) -> None:
        """Do it."""
        change, sql = self._change, self._sql
        async with db.transaction():
            await db.execute(sql["begin_batch"], ticket.writer, ticket.number)
            below = quoted(change.below) or _LAST
            found = await db.fetch(sql["prunable"], change.before, below, change.limit)
            self.runs = tuple(plain(row[0]) for row in found)
            if found:
                await self._remove(db, [row[0] for row in found])
                states = Counter(row[1] for row in found)
                tallies = sorted((state, -n) for state, n in states.items())
                await db.execute(sql["add_tallies"], ticket.slot, tallies)

    async def _remove(self, db: Any, names: list[str]) -> None:
        sql = self._sql
        blobs = [row[0] for row in await db.fetch(sql["their_blobs"], names)]
        if blobs:
            await db.execute(sql["hold_blobs"])
        await db.execute(sql["prune"], names)
        if blobs:
            await db.execute(sql["prune_blobs"], blobs)
