"""Truth. The write side takes changes (core/changes.py); the read side is a few named queries.

How a set is judged (held by testing/contracts/store):

- In its order. The first change that cannot be done raises its error; then nothing was written.
- Fences and states count as they stood before the set: a Move does not shut out its neighbours.
  Only a CreateRun and a Claim count for the changes behind them: a run may be born, claimed and written
  to in one set. Behind a claim that is won they carry its fence; behind one that is lost they are
  refused, and so is the birth.
- Journal numbers and money count on within the set: two Appends follow one another, two HoldSpends
  add up, a SettleSpend makes room for the HoldSpend behind it.
- A Claim that is lost is no error: its outcome is None and its neighbours are written.
- A CreateRun with a key is the first of its set and the only one with a key (else Invalid). When it
  repeats a known key, the set is done already: nothing of it is written, its outcome is the first
  run's Born(new=False), and None for every other change.
- Retire, Rescue and Prune stand alone in their set (else Invalid).
- Leases and records count on within the set: a second PutRecord finds what the first has left, an Under
  behind an Acquire sees its fence. What they speak of is locked until the set is decided.

A heartbeat counts from its Beat until `ttl_ms` later by the store's clock; a ttl of 0 is over at once.
That clock may be set: a Rescue says what it may truly be, and a lease granted in the future is over.
A worker beats before it claims: a run whose worker has no heartbeat is lost, and Rescue requeues it.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from folkmoot.core.changes import Change, Claimed, Lease, Outbox, Outcome, Record, Signal
from folkmoot.core.entries import Entry
from folkmoot.core.run import Run, RunState


class Query(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which runs to list: newest first, `before` an id (exclusive), at most `limit`."""

    agent: str = ""
    states: tuple[RunState, ...] = ()
    before: str = ""
    limit: int = 50


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How the store stands: runs by state, live workers, unsent outbox items, dead letters, bytes on disk."""

    states: dict[str, int]
    workers: int
    outbox: int
    dead: int = 0
    bytes: int = 0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A worker: how long ago it beat, how long that still counts (0: it is stale), what it holds."""

    worker: str
    note: str
    beat_ms: int
    left_ms: int
    runs: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The ready runs of one priority, and since when (ms) the first of them waits."""

    runs: int
    since: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the fleet stands. `now` is the store's clock (ms since 1970)."""

    now: int
    workers: tuple[Seen, ...] = ()
    lines: dict[str, Line] = {}
    stuck: tuple[str, ...] = ()


GONE_MS = 3_600_000
"""A worker that has been stale for that long is news no more."""
STUCK = 100


class Store(Protocol):
    """Where everything is kept.

    `write` is atomic and durable: it returns when its changes survive a crash of the machine, and
    raises (LeaseLost, BudgetSpent, KeyReused …) when none of them was written. A failed set never touches its
    neighbours. Many writers may call at once; they share commits and never queue behind each
    other's fsync. Sets of one caller that are awaited in order are applied in order; sets that are
    started in order by one event loop are applied in that order too.

    Reads see everything whose write has returned. They may run beside writes and never block them.
    After `close` everything raises StoreClosed. Expiry of heartbeats is judged by the store's clock,
    never by a caller's.
    """

    capabilities: frozenset[str]
    """What this store can do beyond the contract: `shared` (several processes), `durable`, `clock` (a time
    of its own, on another machine than its callers: they go by it, clocks/agreed.py)."""

    async def open(self) -> None:
        """Get ready; refuse a schema that is not ours with SchemaMismatch. Idempotent."""
        ...

    async def close(self) -> None:
        """Finish what was accepted, then let go of everything. Idempotent."""
        ...

    async def write(self, *changes: Change) -> tuple[Outcome, ...]:
        """Apply all changes or none; return one outcome for each, in order."""
        ...

    async def run(self, run: str) -> Run | None:
        """Return one run."""
        ...

    async def peek(self, runs: Sequence[str], now: int) -> list[Claimed]:
        """Return those of these runs that could be claimed now, each as a Claim would give it.

        But for the claim: the run is as it stands, queued and under its old fence; and only runs that
        nobody has had yet (fence 0) come with their journals. Nothing is kept for the caller; what has changed by the time of the claim is found out then, by the fence.
        """
        ...

    async def runs(self, query: Query) -> list[Run]:
        """List runs, newest first."""
        ...

    async def entries(self, run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Return entries with a number greater than `after`, in order."""
        ...

    async def signals(self, runs: Sequence[str]) -> list[Signal]:
        """Return the signals of these runs that no journal holds yet, oldest first."""
        ...

    async def signalled(self, worker: str) -> list[str]:
        """Return the runs held by `worker` that have signals nobody consumed."""
        ...

    async def ready(self, now: int, limit: int, unannounced_before: int) -> list[Run]:
        """Return queued runs whose time has come and that were not announced since that time (ms).

        In the order in which they should begin: by urgency, which grows with waiting (core/urgency.py);
        within a class by turns over the tenants, and within a tenant by turns over its agents, the
        oldest run of each first. Of an agent with a limit no more come than may begin now, those that
        were announced since counted in.
        """
        ...

    async def announced(self, since: int) -> int:
        """Count the queued runs that were announced at that time (ms) or later."""
        ...

    async def due(self) -> int | None:
        """Return the next time (ms) at which a waiting or delayed run wants to go on."""
        ...

    async def blob(self, digest: str) -> bytes | None:
        """Return kept bytes by their SHA-256 (hex)."""
        ...

    async def spent(self, scope: str) -> tuple[int, int]:
        """Return (spent, held) of a budget's scope, in nanos."""
        ...

    async def outbox(self, now: int, limit: int) -> list[Outbox]:
        """Return items that wait to be sent and whose time has come, oldest first."""
        ...

    async def lease(self, name: str) -> Lease:
        """Return how a lease stands; a name that nobody ever took has fence 0."""
        ...

    async def record(self, kind: str, key: str) -> Record | None:
        """Return a document."""
        ...

    async def records(self, kind: str, after: str = "", limit: int = 1000) -> list[Record]:
        """Return documents of a kind with a key greater than `after`, in the order of their keys."""
        ...

    async def due_records(self, kind: str, now: int, limit: int) -> list[Record]:
        """Return documents of a kind whose time has come, longest due first."""
        ...

    async def counts(self) -> Counts:
        """Count things, for health and metrics."""
        ...

    async def standing(self, now: int, quiet_before: int) -> Standing:
        """Tell how the fleet stands, for those who watch it.

        Workers by name, alive or stale, but not those that retired or are stale for GONE_MS. Queued
        runs whose time has come (by `now`), by priority; a run waits since it was queued, or since its
        delay was over. Stuck are runs that a living worker holds, with no entry and no claim since
        `quiet_before`: longest quiet first, at most STUCK of them.
        """
        ...

    async def now(self) -> int:
        """Return the store's time in milliseconds since 1970: the clock that judges expiry."""
        ...

    async def changed(self) -> int:
        """Return a number that differs when another process has written since; cheap to ask."""
        ...
