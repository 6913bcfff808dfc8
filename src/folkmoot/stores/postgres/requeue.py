"""Retire and Rescue: runs go back to the queue, any number of them, in a transaction of their own."""

from typing import Any

from folkmoot.core import changes as c
from folkmoot.ports.store import GONE_MS
from folkmoot.stores import queries
from folkmoot.stores.postgres.batch import Ticket
from folkmoot.stores.postgres.rows import plain, quoted


class Requeue:
    """One such set; `runs` are the runs that it moved, known before the transaction is committed."""

    def __init__(self, change: c.Change) -> None:
        """Nothing happens before `run`."""
        self._change = change
        self._sql = queries.load("postgres")
        self.runs: tuple[str, ...] = ()

    async def run(self, db: Any, ticket: Ticket) -> None:
        """Do it."""
        async with db.transaction():
            await db.execute(self._sql["begin_batch"], ticket.writer, ticket.number)
            lost, woken = await self._move(db)
            if lost or woken:
                tallies = [
                    ("queued", len(lost) + len(woken)),
                    ("running", -len(lost)),
                    ("waiting", -len(woken)),
                ]
                await db.execute(self._sql["add_tallies"], ticket.slot, tallies)
            self.runs = tuple(plain(row[0]) for row in lost + woken)

    async def _move(self, db: Any) -> tuple[list[Any], list[Any]]:
        change, sql = self._change, self._sql
        if isinstance(change, c.Retire):
            worker = quoted(change.worker)
            await db.execute(sql["retire"], worker)
            return await db.fetch(sql["release"], worker, change.at), []
        assert isinstance(change, c.Rescue)
        await db.execute(sql["forget_workers"], GONE_MS, change.earliest, change.latest)
        lost = await db.fetch(sql["rescue"], change.now, change.earliest)
        return lost, await db.fetch(sql["wake"], change.now)
