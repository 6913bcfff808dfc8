"""The adapter: ports/store.py over the tables.

States: made → open → closed; a closed one stays closed, for nothing is left that could be opened.
"""

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from folkmoot.core.changes import Change, Claimed, Lease, Outbox, Outcome, Record, Signal
from folkmoot.core.entries import Entry
from folkmoot.core.errors import StoreClosed
from folkmoot.core.letters import DEAD
from folkmoot.core.run import Run, RunState
from folkmoot.ports.clock import Clock
from folkmoot.ports.store import Counts, Query, Standing
from folkmoot.stores.fair import in_turn
from folkmoot.stores.memory import documents
from folkmoot.stores.memory.doing import do
from folkmoot.stores.memory.judge import judge
from folkmoot.stores.memory.standing import standing
from folkmoot.stores.memory.tables import Granted, Tables


class MemoryStore:
    """Truth in a few dictionaries, for one process and one event loop."""

    capabilities: frozenset[str] = frozenset()

    def __init__(self, clock: Clock) -> None:
        """Judge heartbeats and leases by the wall time of `clock`, as other stores do by their own."""
        self._clock = clock
        self._tables = Tables()
        self._open = False
        self._closed = False

    async def open(self) -> None:
        """Get ready."""
        if self._closed:
            raise StoreClosed
        self._open = True

    async def close(self) -> None:
        """Refuse everything from now on."""
        self._open, self._closed = False, True

    async def write(self, *changes: Change) -> tuple[Outcome, ...]:
        """Apply all changes or none; return one outcome for each, in order."""
        tables = self._opened()
        try:
            now = self._clock.now()
            judged = judge(tables, changes, now)
            if judged.born is not None:
                return (judged.born, *(None for _ in changes[1:]))
            if judged.documents is not None:
                documents.keep(tables, judged.documents, now)
            given = judged.outcomes
            return tuple(
                [
                    given[place] if place in given else do(tables, change, now)
                    for place, change in enumerate(changes)
                ]
            )
        finally:
            # Others run while a disk works: a caller that counts on the contrary fails here, too.
            await asyncio.sleep(0)

    def _opened(self) -> Tables:
        if not self._open:
            raise StoreClosed(todo="Open the store before it is used, and not after it was closed.")
        return self._tables

    async def run(self, run: str) -> Run | None:
        """Return one run."""
        kept = self._opened().runs.get(run)
        return None if kept is None else kept.run

    async def peek(self, runs: Sequence[str], now: int) -> list[Claimed]:
        """Return what claims would give, without claiming."""
        queued = self._opened().states[RunState.QUEUED]
        found = [queued[run] for run in dict.fromkeys(runs) if run in queued]
        return [
            Claimed(
                x.run,
                () if x.run.fence else tuple(x.journal),
                len(x.heard),
                tuple(x.pending.values()),
            )
            for x in found
            if x.run.ready(now)
        ]

    async def runs(self, query: Query) -> list[Run]:
        """List runs, newest first."""
        found: list[Run] = []
        for run in self._newest_first(query.before):
            if len(found) >= query.limit:
                break
            if query.agent in {"", run.agent} and (not query.states or run.state in query.states):
                found.append(run)
        return found

    def _newest_first(self, before: str) -> Iterator[Run]:
        tables = self._opened()
        end = bisect_left(tables.ids, before) if before else len(tables.ids)
        return (tables.runs[tables.ids[place]].run for place in range(end - 1, -1, -1))

    async def entries(self, run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Return entries with a number greater than `after`, in order."""
        kept = self._opened().runs.get(run)
        return [] if kept is None else kept.journal[after : after + limit]

    async def signals(self, runs: Sequence[str]) -> list[Signal]:
        """Return the signals of these runs that no journal holds yet, oldest first."""
        tables = self._opened()
        known = [tables.runs[run] for run in dict.fromkeys(runs) if run in tables.runs]
        return [signal for kept in known for signal in kept.pending.values()]

    async def signalled(self, worker: str) -> list[str]:
        """Return the runs held by `worker` that have signals nobody consumed."""
        return [kept.run.id for kept in self._opened().running(worker) if kept.pending]

    async def ready(self, now: int, limit: int, unannounced_before: int) -> list[Run]:
        """Return queued runs whose time has come and that nobody announced since that time."""
        states = self._opened().states
        queued = states[RunState.QUEUED].values()
        found = [
            kept.run
            for kept in queued
            if kept.run.ready_at <= now
            and (not kept.announced_at or kept.announced_at < unannounced_before)
        ]
        busy = Counter(kept.run.agent for kept in states[RunState.RUNNING].values())
        busy.update(x.run.agent for x in queued if x.announced_at >= max(unannounced_before, 1))
        return in_turn(found, busy, now)[:limit]

    async def announced(self, since: int) -> int:
        """Count the queued runs that were announced lately."""
        queued = self._opened().states[RunState.QUEUED].values()
        return sum(1 for kept in queued if kept.announced_at >= max(since, 1))

    async def due(self) -> int | None:
        """Return the next time (ms) at which a waiting or delayed run wants to go on."""
        states = self._opened().states
        wakes = [kept.run.wake_at for kept in states[RunState.WAITING].values()]
        starts = [kept.run.ready_at for kept in states[RunState.QUEUED].values()]
        return min([at for at in (*wakes, *starts) if at], default=None)

    async def blob(self, digest: str) -> bytes | None:
        """Return kept bytes by their SHA-256 (hex)."""
        return self._opened().blobs.get(digest)

    async def spent(self, scope: str) -> tuple[int, int]:
        """Return (spent, held) of a budget's scope, in nanos."""
        return self._opened().money.get(scope, (0, 0))

    async def outbox(self, now: int, limit: int) -> list[Outbox]:
        """Return items that wait to be sent and whose time has come, oldest first."""
        parcels = self._opened().outbox.values()
        due = [parcel.item for parcel in parcels if not parcel.sent and parcel.due <= now]
        return sorted(due, key=lambda item: (item.at, item.id))[:limit]

    async def lease(self, name: str) -> Lease:
        """Return how a lease stands."""
        held = self._opened().leases.get(name, Granted())
        left = held.left(self._clock.now())
        return Lease(name, held.holder if left else "", held.fence, left)

    async def record(self, kind: str, key: str) -> Record | None:
        """Return a document."""
        return self._opened().records.get((kind, key))

    async def records(self, kind: str, after: str = "", limit: int = 1000) -> list[Record]:
        """Return documents of a kind with a key greater than `after`, in the order of their keys."""
        names = sorted(x for x in self._opened().records if x[0] == kind and x[1] > after)
        return [self._opened().records[name] for name in names[:limit]]

    async def due_records(self, kind: str, now: int, limit: int) -> list[Record]:
        """Return documents of a kind whose time has come, longest due first."""
        found = [x for x in self._opened().records.values() if x.kind == kind and 0 < x.due <= now]
        return sorted(found, key=lambda x: (x.due, x.key))[:limit]

    async def counts(self) -> Counts:
        """Count things. Nothing is on disk."""
        tables, now = self._opened(), self._clock.now()
        return Counts(
            states={str(state): len(kept) for state, kept in tables.states.items() if kept},
            workers=sum(1 for beat in tables.beats.values() if beat.until > now),
            outbox=sum(1 for parcel in tables.outbox.values() if not parcel.sent),
            dead=sum(1 for kind, _ in tables.records if kind == DEAD),
        )

    async def standing(self, now: int, quiet_before: int) -> Standing:
        """Tell how the fleet stands."""
        return standing(self._opened(), self._clock.now(), now, quiet_before)

    async def now(self) -> int:
        """Return the time of the clock that was given."""
        self._opened()
        return self._clock.now()

    async def changed(self) -> int:
        """Return the same number always: no other process can write here."""
        self._opened()
        return 0
