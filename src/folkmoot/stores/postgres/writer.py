"""Group commit: all sets that arrive while a batch is written form the next one.

One task writes, a batch at a time, so sets are applied in the order in which they were started. A batch
that the database refuses because another process changed one of its rows is decided anew, by rows that
are locked; one that it refuses for a value is taken apart, and every set stands for itself. A lost
connection is found again, and what had become of the batch is looked up (line.py). Sets that speak of
leases or records are written apart from their neighbours, in order: they lock, the others need not.
Of a large batch one half is answered at once and the other when the next batch is on its way: else all
callers would step together, and the database would wait for them as they wait for it.
Stopping hands over what was accepted, waits for it, then ends the task.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain, groupby
from typing import Any

from folkmoot.core import changes as c
from folkmoot.core.changes import Outcome
from folkmoot.core.errors import FolkmootError, Invalid, StoreClosed
from folkmoot.stores.overlay import Row
from folkmoot.stores.postgres import faults
from folkmoot.stores.postgres.batch import Batch, Result, Ticket
from folkmoot.stores.postgres.held import Held
from folkmoot.stores.postgres.line import ANSWER_S, Line
from folkmoot.stores.postgres.named import DOCUMENTS, Set
from folkmoot.stores.postgres.pruning import Pruning
from folkmoot.stores.postgres.requeue import Requeue

_TURNS = 5
_CROWD = 16
_SOLITARY = frozenset({c.Retire, c.Rescue, c.Prune})
_PLAIN, _LOCKING, _ALONE = range(3)
_UNUSUAL = _SOLITARY | DOCUMENTS
_NOTHING = "Nothing of this set was written."
Work = Callable[[Any, Ticket], Awaitable[None]]


class Writer:
    """The task that writes, and the way to it."""

    def __init__(self, line: Line, place: str) -> None:
        """`place` names the database in errors."""
        self._line = line
        self._place = place
        self._held = Held()
        self._waiting: list[tuple[Set, asyncio.Future[tuple[Outcome, ...]]]] = []
        self._woken = asyncio.Event()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self.commits = 0
        self.sets = 0

    def start(self) -> None:
        """Start the task, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._work(), name="folkmoot-postgres")

    def write(self, changes: Set) -> "asyncio.Future[tuple[Outcome, ...]]":
        """Accept a set; the future is done when the set is durable or has failed."""
        if self._closed:
            raise StoreClosed(kept="Everything that was written before.")
        if self._loop is None:
            raise StoreClosed
        future: asyncio.Future[tuple[Outcome, ...]] = self._loop.create_future()
        self._waiting.append((changes, future))
        if not self._woken.is_set():
            self._woken.set()
        return future

    def expect(self, rows: Iterable[Row]) -> None:
        """Believe rows that were just read, unless we know better."""
        self._held.expect(rows)

    async def stop(self) -> None:
        """Finish what was accepted; end the task. Idempotent."""
        self._closed = True
        self._woken.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        late: list[tuple[Any, Any]] = []
        while True:
            if not self._waiting:
                _resolve(late)
                late = []
                if self._closed and not self._waiting:
                    return
                self._woken.clear()
                await self._woken.wait()
                continue
            batch, self._waiting = self._waiting, []
            self.commits += 1
            self.sets += len(batch)
            # These go on as soon as the batch is on its way.
            asyncio.get_running_loop().call_soon(_resolve, late)
            late = await self._answer(batch)

    async def _answer(self, batch: list[tuple[Set, Any]]) -> list[tuple[Any, Any]]:
        """Write a batch and tell the first half of the waiters; return the others, with their results."""
        try:
            results: Sequence[Any] = await self._commit([changes for changes, _ in batch])
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as fault:  # noqa: BLE001 - every waiter must hear of it
            results = [fault] * len(batch)
        told = [(future, result) for (_, future), result in zip(batch, results, strict=True)]
        half = len(told) // 2 if len(told) >= _CROWD else len(told)
        _resolve(told[:half])
        await asyncio.sleep(0)
        return told[half:]

    async def _commit(self, sets: Sequence[Set]) -> list[Result]:
        results: list[Result] = []
        if _UNUSUAL.isdisjoint(map(type, chain.from_iterable(sets))):
            return await self._together(sets)
        for kind, group in groupby(sets, _kind):
            if kind == _ALONE:
                results += [await self._alone(changes) for changes in group]
            else:
                results += await self._together(list(group))
        return results

    async def _together(self, sets: Sequence[Set]) -> list[Result]:
        """Write sets in one transaction; should the database itself object, each in its own."""
        if not sets:
            return []
        fault: BaseException | None = None
        for turn in range(_TURNS):
            made: list[Batch] = []

            async def work(db: Any, ticket: Ticket, turn: int = turn) -> None:
                made.append(Batch(sets, self._held))  # noqa: B023 - done before the next turn
                await made[-1].run(db, ticket, locking=turn > 0)  # noqa: B023 - the same

            fault = await self._settled(work)
            if fault is None:
                made[-1].keep()
                return made[-1].results
            if made:
                made[-1].forget()
            if not faults.misjudged(fault):
                break
        assert fault is not None
        if len(sets) > 1 and faults.unusable(fault):
            return [(await self._together([changes]))[0] for changes in sets]
        return [self._final(fault)] * len(sets)

    async def _alone(self, changes: Set) -> Result:
        if len(changes) > 1:
            return Invalid("Retire, Rescue and Prune stand alone in their set.", kept=_NOTHING)
        change = changes[0]
        work = Pruning(change) if isinstance(change, c.Prune) else Requeue(change)
        turns = _TURNS
        while (fault := await self._settled(work.run)) is not None:
            turns -= 1
            if not turns or not faults.misjudged(fault):
                return self._final(fault)
        self._held.forget(work.runs, ())
        return (work.runs,)

    async def _settled(self, work: Work) -> BaseException | None:
        """Do the work in one transaction; return None when it is committed, else why it is not.

        Work that was under way when the connection was lost is done again only after it is certain
        that it was not committed, and never will be.
        """
        line = self._line
        try:
            await line.ready()
            while True:
                ticket = line.ticket()
                try:
                    async with asyncio.timeout(ANSWER_S):
                        await work(line.db, ticket)
                except Exception as fault:  # noqa: BLE001 - sorted by kind, and told to the waiters
                    if not faults.lost(fault):
                        return fault
                    if await self._kept(ticket):
                        return None
                else:
                    return None
        except FolkmootError as fault:
            return fault

    async def _kept(self, ticket: Ticket) -> bool:
        """Find out whether a batch was committed before the connection was lost."""
        try:
            return await self._line.recover() >= ticket.number
        except FolkmootError as fault:
            unknown = (
                "Everything that was written before. Whether this write was kept, is not known."
            )
            raise faults.away(self._place, fault.message, kept=unknown) from None

    def _final(self, fault: BaseException) -> FolkmootError:
        if not isinstance(fault, FolkmootError) and faults.unusable(fault):
            return Invalid(f"PostgreSQL cannot hold this: {fault}.", kept=_NOTHING)
        return faults.translated(fault, self._place)


def _kind(changes: Set) -> int:
    """Return how a set is written: with its neighbours, with neighbours that lock, or alone."""
    kinds = set(map(type, changes))
    if not kinds.isdisjoint(_SOLITARY):
        return _ALONE
    return _PLAIN if kinds.isdisjoint(DOCUMENTS) else _LOCKING


def _resolve(told: Sequence[tuple["asyncio.Future[Any]", Any]]) -> None:
    for future, result in told:
        if future.done():
            continue
        if isinstance(result, FolkmootError):
            # An error of its own for each waiter, so that they do not share one traceback.
            kept, todo = result.kept, result.todo
            future.set_exception(
                type(result)(result.message, kept=kept, todo=todo, **result.details)
            )
        elif isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
