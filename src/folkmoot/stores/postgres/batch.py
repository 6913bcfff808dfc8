"""One batch: look up what is not known, let the overlay decide, write what came of it.

Two ways lead there. The short one believes what this process wrote last, reads the rest without locks,
and writes with one call; the database compares the beliefs with the rows that it locks and refuses the
whole batch when one of them is wrong. The long one locks all rows first, in their order (runs, then
budgets), reads and judges them within one transaction, and so cannot be wrong. It is taken when the short
one was refused, when a claim must read what the batch itself has written, and when leases or records are
spoken of (the writer puts these sets into batches of their own).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from folkmoot.core import changes as c
from folkmoot.core.changes import Outcome
from folkmoot.core.errors import BudgetSpent, FolkmootError
from folkmoot.core.run import RunState
from folkmoot.stores import queries
from folkmoot.stores.overlay import Overlay
from folkmoot.stores.postgres import budgets, documents, look
from folkmoot.stores.postgres.held import Held
from folkmoot.stores.postgres.lanes import Lanes
from folkmoot.stores.postgres.named import Named, Set
from folkmoot.stores.postgres.post import Post
from folkmoot.stores.postgres.rows import from_entries, from_run, from_written, quoted
from folkmoot.stores.written import born, divide

Result = tuple[Outcome, ...] | FolkmootError
Lines = list[tuple[Any, ...]]
_OF_A_RUN = frozenset(
    {c.Append, c.Move, c.HoldSpend, c.SettleSpend, c.Signal, c.Consume, c.Claim, c.Hasten}
)


class Ticket(msgspec.Struct, frozen=True):
    """Under which name a batch is written: the writer, the batch's number, the slot for tallies."""

    writer: int
    number: int
    slot: int


class Batch:
    """The sets of one transaction."""

    def __init__(self, sets: Sequence[Set], held: Held) -> None:
        """Nothing happens before `run`."""
        self._sets = sets
        self._held = held
        self._sql = queries.load("postgres")
        self._named = Named(sets)
        self._over = Overlay()
        self._lanes = Lanes(self._over, held)
        self._uses: dict[str, budgets.Use] = {}
        self._before: dict[str, tuple[str, str, int, int]] = {}
        self._trusted: set[str] = set()
        self._claims: dict[str, look.Found] = {}
        self.results: list[Result] = []
        """A result for each set; they hold when the transaction was committed."""

    async def run(self, db: Any, ticket: Ticket, *, locking: bool) -> None:
        """Do it all. Raises what the database says; then nothing was written."""
        claims = self._named.lone_claims()
        if locking or claims is None or self._named.documents:
            async with db.transaction():
                await self._locked(db, ticket)
            return
        await self._load(db, claims)
        self._decide()
        self._fill(self._claims)
        await self._write(db, ticket, self._beliefs(), self._lanes.rows())

    def keep(self) -> None:
        """Remember the rows: the batch is committed."""
        for run, found in self._claims.items():
            # It was not to be had, so its journal was not read: nothing is known of its end.
            if not found.entries:
                self._over.rows.pop(run, None)
        self._held.keep(self._over)
        self._lanes.keep()

    def forget(self) -> None:
        """Believe nothing of these rows any more."""
        self._held.forget(self._named.runs | self._named.born, self._named.scopes)
        self._lanes.forget()

    async def _load(self, db: Any, claims: Sequence[str]) -> None:
        """Read what is not known, without locks."""
        named, over, held = self._named, self._over, self._held
        self._claims = await look.claimable(look.asker(db), claims)
        # What is born here needs no look: if it was there before, the table objects.
        over.rows, unknown = held.rows(sorted(named.runs.difference(claims, named.born)))
        self._trusted = set(over.rows)
        over.rows.update((run, found.row()) for run, found in self._claims.items())
        over.budgets, unread = held.budgets(sorted(named.scopes))
        wanted = look.Wanted(unknown, (), named.keys, named.told, unread)
        await look.look(db, wanted, over)
        for scope in named.scopes:
            budget = over.budgets.get(scope)
            spent, set_aside = (budget.spent, budget.held) if budget else (0, 0)
            self._uses[scope] = budgets.Use(spent, set_aside, fresh=budget is None)
        self._lanes.ask(named)
        await self._lanes.load(db, locked=False)

    async def _locked(self, db: Any, ticket: Ticket) -> None:
        """Lock, read, decide, write and read again, inside a transaction."""
        named, over = self._named, self._over
        self.forget()
        await look.lock(db, named.runs | _announced(self._sets), named.scopes)
        wanted = look.Wanted(
            sorted(named.runs), named.born, named.keys, named.told, sorted(named.scopes)
        )
        await look.look(db, wanted, over)
        self._lanes.ask(named)
        if named.documents or self._lanes.agents:
            lanes, asks = sorted(self._lanes.agents), len(named.claims) + len(named.ended)
            await documents.load(db, over.documents, named.documents, lanes, asks)
            await self._lanes.load(db, locked=True)
        self._uses = {
            scope: budgets.Use(budget.spent, budget.held, fresh=False)
            for scope, budget in over.budgets.items()
        }
        self._decide()
        await self._write(db, ticket, [], [])
        await documents.write(db, over.documents)
        won = [run for _, _, run in self._won()]
        self._fill(await look.claimable(look.asker(db), won, whole=True), as_they_are=True)

    def _decide(self) -> None:
        over = self._over
        self._before = {
            run: (quoted(run), str(row.state), row.fence, row.signals)
            for run, row in over.rows.items()
        }
        for changes in self._sets:
            result = over.apply(changes)
            self.results.append(result)
            if not isinstance(result, FolkmootError):
                budgets.count(self._uses, changes)
            elif isinstance(result, BudgetSpent):
                budgets.count_refused(self._uses, result)

    def _beliefs(self) -> list[tuple[Any, ...]]:
        """Return the rows that must be as we think: all that were not read, all that are written."""
        needed = self._trusted.copy()
        if self._all_done():
            needed |= self._named.runs
            return self._believed(needed)
        for changes, result in zip(self._sets, self.results, strict=True):
            if type(result) is not tuple:
                continue
            for change, outcome in zip(changes, result, strict=True):
                kind = type(change)
                if kind is c.Claim and outcome is None:
                    row = self._over.rows.get(change.run)  # type: ignore[arg-type, union-attr]
                    if row is None or not row.put_off:
                        continue
                if kind in _OF_A_RUN:
                    needed.add(change.run)  # type: ignore[arg-type, union-attr]
        return self._believed(needed)

    def _all_done(self) -> bool:
        """Whether no set failed and every claim was won."""
        rows = self._over.rows
        claims = self._named.claims
        lost = (x for x in claims if x.run not in rows or rows[x.run].claim is not x)
        return all(type(result) is tuple for result in self.results) and next(lost, None) is None

    def _believed(self, needed: set[str]) -> list[tuple[Any, ...]]:
        before = self._before
        beliefs: list[tuple[Any, ...]] = [before[run] for run in sorted(needed) if run in before]
        only_locked = _announced(self._sets).difference(needed)
        return beliefs + [(quoted(run), None, None, None) for run in sorted(only_locked)]

    async def _write(self, db: Any, ticket: Ticket, beliefs: Lines, lanes: Lines) -> None:
        over = self._over
        entries, blobs = from_entries(over.entries)
        post = Post(over.plain)
        blobs.update(post.blobs)
        taken, changed = divide(over.changed())
        claims = [(quoted(x.id), x.fence, quoted(x.worker), x.at) for x in taken]
        keyed = sorted(
            (x.run.source, x.key, x.run.id, x.fingerprint) for x in over.created if x.key
        )
        uses = sorted((scope, use) for scope, use in self._uses.items() if use.counts)
        parts: list[list[tuple[Any, ...]]] = [
            beliefs,
            [use.row(quoted(scope)) for scope, use in uses],
            [tuple(map(quoted, row)) for row in keyed],
            [from_run(*x) for x in born(over)],
            sorted(blobs.items()),
            entries,
            [(quoted(x.run), nr, quoted(x.id), quoted(x.kind), x.body, x.at, False)
             for nr, x in over.signals],
            [(quoted(run), quoted(id_)) for run, id_ in over.consumed],
            claims,
            [from_written(x) for x in changed],
            post.announced,
            post.letters,
            post.sent,
            post.beats,
            over.tallies(),
            lanes,
        ]  # fmt: skip
        if any(parts):
            await db.execute(
                self._sql["write_batch"], ticket.writer, ticket.number, ticket.slot, *parts
            )

    def _won(self) -> list[tuple[int, int, str]]:
        """Return where claims were won that want to read the run."""
        if not any(claim.read for claim in self._named.claims):
            return []
        return [
            (at, nr, change.run)
            for at, (changes, result) in enumerate(zip(self._sets, self.results, strict=True))
            if not isinstance(result, FolkmootError)
            for nr, (change, outcome) in enumerate(zip(changes, result, strict=True))
            if type(change) is c.Claim and change.read and outcome is not None
        ]

    def _fill(self, found: dict[str, look.Found], *, as_they_are: bool = False) -> None:
        """Put what each won claim gives in the place of its bare "won"."""
        for at, nr, name in self._won():
            one = found[name]
            claim = self._sets[at][nr]
            assert isinstance(claim, c.Claim)
            if not as_they_are:
                one.run = msgspec.structs.replace(
                    one.run,
                    state=RunState.RUNNING,
                    worker=claim.worker,
                    fence=one.run.fence + 1,
                    updated_at=claim.now,
                )
            outcomes = list(self.results[at])  # type: ignore[arg-type]
            outcomes[nr] = one.claimed()
            self.results[at] = tuple(outcomes)


def _announced(sets: Iterable[Set]) -> set[str]:
    return {
        run
        for changes in sets
        for change in changes
        if type(change) is c.Announced
        for run in change.runs
    }
