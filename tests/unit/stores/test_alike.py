"""MemoryStore stands for the others in all tests, so it must be like them: not only where a contract
asks, but after any sets at all. The same sets go to both stores; everything that can be read is compared.
"""

from hashlib import sha256

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from folkmoot.core import changes as c
from folkmoot.core.entries import Head, MessageAdded, write
from folkmoot.core.errors import FolkmootError
from folkmoot.core.run import RunState
from folkmoot.core.spend import Spend
from folkmoot.ports.store import Query
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.stores.sqlite.store import SqliteStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.contracts.store.samples import birth, retry, signal

RUNS, WORKERS, SCOPES, LETTERS = ["r1", "r2", "r3"], ["w1", "w2"], ["s", "t"], ["o1", "o2"]
TIMES = [5, 10, 15, 20]
_run, _worker = st.sampled_from(RUNS), st.sampled_from(WORKERS)
_lease, _key = st.sampled_from(["n", "m"]), st.sampled_from(["a", "b"])
_off = st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1])


class Writer:
    """Makes up changes that are mostly possible, from what a store says now."""

    def __init__(self, data, store):
        self.draw = data.draw
        self.store = store
        self.ends, self.now = {}, 0

    async def set(self):
        kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=3)
        self.ends, self.now = {}, self.draw(st.sampled_from(TIMES))
        changes = [await kind(self) for kind in self.draw(kinds)]
        born = [change for change in changes if isinstance(change, c.CreateRun)]
        # No store promises anything of a set that speaks to a run which it makes itself (but for a claim
        # and a first step), moves a run twice, claims it after that, reads it while it changes it,
        # consumes what it says itself, or announces what it hastens.
        moves = {change.run: change for change in changes if isinstance(change, c.Move)}
        claims = [change for change in changes if isinstance(change, c.Claim)]
        if len(changes) > 1:
            claims = [msgspec.structs.replace(claim, read=False) for claim in claims]
        others = [change for change in changes if not isinstance(change, c.Move | c.Claim)]
        if any(isinstance(change, c.Consume) for change in others):
            others = [change for change in others if not isinstance(change, c.Signal)]
        # Lanes and records draw their versions from one number, in the order that suits each store.
        if claims or moves:
            others = [change for change in others if not isinstance(change, c.PutRecord)]
        if any(isinstance(change, c.Hasten) for change in others):
            others = [change for change in others if not isinstance(change, c.Announced)]
        if born and self.draw(st.booleans()):
            return [*born, *self.hands(born[0])]
        return born or [*claims, *others, *moves.values()]

    def hands(self, born):
        run, fence = born.run.id, self.draw(st.sampled_from([1, 1, 1, 0]))
        worker, step = self.draw(_worker), write(Head(1), born.run.id, 1, MessageAdded(text="x"))
        claim = c.Claim(run=run, worker=worker, now=self.now, read=False)
        first = c.Append(run=run, fence=fence, entries=(step,))
        hold = c.HoldSpend(run=run, fence=fence, scope=SCOPES[0], amount=4, limit=10)
        return [claim, first, hold][: self.draw(st.integers(1, 3))]

    async def fence(self, run):
        found = await self.store.run(run)
        return max(0, (found.fence if found else 0) + self.draw(_off))

    async def birth(self):
        key = self.draw(st.sampled_from(["", "", "k1", "k2"]))
        new = birth(
            self.draw(_run),
            key=key,
            fingerprint=self.draw(st.sampled_from(["f", "f", "g"])),
            ready_at=self.draw(st.sampled_from([0, 0, 10])),
            priority=self.draw(st.sampled_from(["normal", "high"])),
            agent=self.draw(st.sampled_from(["a", "a", "b"])),
            tenant=self.draw(st.sampled_from(["", "t"])),
            limit=self.draw(st.sampled_from([0, 1])),
            spacing=self.draw(st.sampled_from([0, 0, 7])),
            guarded=self.draw(st.booleans()),
            deadline=self.draw(st.sampled_from([None, None, 10])),
        )
        return msgspec.structs.replace(new, announced_at=self.draw(st.sampled_from([0, 0, 5])))

    async def claim(self):
        read = self.draw(st.booleans())
        return c.Claim(run=self.draw(_run), worker=self.draw(_worker), now=self.now, read=read)

    async def append(self):
        run = self.draw(_run)
        journal = await self.store.entries(run)
        end = self.ends.get(run, len(journal)) + self.draw(_off)
        entries = []
        for _ in range(self.draw(st.integers(0, 2))):
            entries.append(write(Head(end), run, 1, MessageAdded(text="x")))
            end += 1
        self.ends[run] = end
        return c.Append(run=run, fence=await self.fence(run), entries=tuple(entries))

    async def move(self):
        run, state = self.draw(_run), self.draw(st.sampled_from(list(RunState)))
        return c.Move(
            run=run,
            fence=await self.fence(run),
            state=state,
            at=self.now,
            attempt=self.draw(st.integers(1, 3)),
            head=1,
            head_hash="h",
            spend=Spend(self.draw(st.integers(0, 3))),
            ready_at=self.draw(st.sampled_from([0, 10])) if state == RunState.QUEUED else 0,
            wake_at=self.draw(st.sampled_from([None, 10])) if state == RunState.WAITING else None,
            waits_for=self.draw(st.sampled_from(["", "x"])) if state == RunState.WAITING else "",
            output=self.draw(st.sampled_from(["", "out"])),
            error=self.draw(st.sampled_from(["", "err"])),
            signals_seen=self.draw(st.integers(0, 3)),
        )

    async def hold(self):
        run = self.draw(_run)
        return c.HoldSpend(
            run=run,
            fence=await self.fence(run),
            scope=self.draw(st.sampled_from(SCOPES)),
            amount=self.draw(st.integers(0, 6)),
            limit=10,
        )

    async def settle(self):
        run = self.draw(_run)
        return c.SettleSpend(
            run=run,
            fence=await self.fence(run),
            scope=self.draw(st.sampled_from(SCOPES)),
            held=self.draw(st.integers(0, 6)),
            spent=self.draw(st.integers(0, 3)),
        )

    async def say(self):
        named = self.draw(st.sampled_from(["s1", "s2", "s3", "s4"]))
        make = self.draw(st.sampled_from([signal, signal, retry]))
        return msgspec.structs.replace(make(self.draw(_run), named), at=self.now)

    async def consume(self):
        run = self.draw(_run)
        return c.Consume(run=run, fence=await self.fence(run), ids=("s1", "s3"))

    async def blob(self):
        data = self.draw(st.sampled_from([b"a", b"b"]))
        wrong = self.draw(st.integers(0, 9)) == 0
        return c.PutBlob(digest=sha256(b"?" if wrong else data).hexdigest(), data=data)

    async def post(self):
        letter, at = self.draw(st.sampled_from(LETTERS)), self.now
        return c.Outbox(id=letter, run="r", topic=self.draw(_run), body=b"", at=at)

    async def sent(self):
        return c.Sent(
            id=self.draw(st.sampled_from(LETTERS)),
            at=self.now,
            error=self.draw(st.sampled_from(["", "no"])),
            next_at=self.draw(st.sampled_from([None, 10, 20])),
        )

    async def beat(self):
        return c.Beat(worker=self.draw(_worker), ttl_ms=self.draw(st.sampled_from([0, 600_000])))

    async def retire(self):
        return c.Retire(worker=self.draw(_worker), at=self.now)

    async def rescue(self):
        return c.Rescue(now=self.now)

    async def prune(self):
        return c.Prune(before=self.now, limit=self.draw(st.integers(1, 3)))

    async def acquire(self):
        return c.Acquire(name=self.draw(_lease), holder=self.draw(_worker), ttl_ms=600_000)

    async def release(self):
        lease = await self.store.lease(self.draw(_lease))
        fence = max(0, lease.fence + self.draw(_off))
        return c.Release(name=lease.name, holder=self.draw(_worker), fence=fence)

    async def under(self):
        lease = await self.store.lease(self.draw(_lease))
        return c.Under(name=lease.name, fence=max(0, lease.fence + self.draw(_off)))

    async def version(self, key):
        record = await self.store.record("k", key)
        known = (record.version if record else 0) + self.draw(_off)
        return self.draw(st.sampled_from([None, known]))

    async def put(self):
        key, due = self.draw(_key), self.draw(st.sampled_from([0, 5, 20]))
        body = self.draw(st.sampled_from([b"a", b"b"]))
        return c.PutRecord(kind="k", key=key, body=body, due=due, version=await self.version(key))

    async def drop(self):
        key = self.draw(_key)
        return c.DropRecord(kind="k", key=key, version=await self.version(key))

    async def hasten(self):
        return c.Hasten(run=self.draw(_run), until=self.draw(st.sampled_from([0, 7, 10, 17])))

    async def announced(self):
        return c.Announced(runs=(self.draw(_run), self.draw(_run)), at=self.now)


_OFTEN = [Writer.birth, Writer.claim, Writer.append, Writer.move, Writer.say]
_SELDOM = [
    Writer.hold,
    Writer.settle,
    Writer.consume,
    Writer.blob,
    Writer.post,
    Writer.sent,
    Writer.beat,
    Writer.announced,
    Writer.hasten,
    Writer.acquire,
    Writer.release,
    Writer.under,
    Writer.put,
    Writer.put,
    Writer.drop,
    Writer.retire,
    Writer.rescue,
    Writer.prune,
]
KINDS = _OFTEN * 3 + _SELDOM


async def outcome(store, changes):
    try:
        outcomes = await store.write(*changes)
    except FolkmootError as fault:
        # Of several things that are wrong, each store may name another one.
        return type(fault) if len(changes) == 1 else FolkmootError
    return [sorted(x) if isinstance(x, tuple) else x for x in outcomes]


async def everything(store):
    """Everything that can be read."""
    seen = {
        "runs": await store.runs(Query()),
        "run": [await store.run(run) for run in RUNS],
        "entries": [await store.entries(run) for run in RUNS],
        "signals": [await store.signals([run]) for run in RUNS],
        "signalled": [sorted(await store.signalled(worker)) for worker in WORKERS],
        "spent": [await store.spent(scope) for scope in SCOPES],
        "blobs": [await store.blob(sha256(data).hexdigest()) for data in (b"a", b"b")],
        "due": await store.due(),
    }
    leases = [await store.lease(name) for name in ("n", "m")]
    seen["leases"] = [(lease.holder, lease.fence) for lease in leases]
    seen["records"] = await store.records("k")
    seen["lanes"] = await store.records("lane")
    seen["announced"] = [await store.announced(since) for since in TIMES]
    for now in TIMES:
        seen[f"due records at {now}"] = await store.due_records("k", now, 10)
        seen[f"outbox at {now}"] = await store.outbox(now, 10)
        seen[f"ready at {now}"] = [await store.ready(now, 10, before) for before in TIMES]
    counts = await store.counts()
    states = {state: n for state, n in counts.states.items() if n}
    seen["counts"] = states, counts.workers, counts.outbox
    return seen


async def play(data, memory, sqlite):
    writer = Writer(data, memory)
    for _ in range(data.draw(st.integers(1, 12))):
        changes = await writer.set()
        assert await outcome(sqlite, changes) == await outcome(memory, changes), changes
        ours, theirs = await everything(memory), await everything(sqlite)
        for name, value in ours.items():
            assert theirs[name] == value, (name, changes)


@given(data=st.data())
@settings(
    max_examples=settings().max_examples // 3,  # each opens a file
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_sets_do_the_same_to_both(tmp_path, data):
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
    stores = MemoryStore(FakeClock()), SqliteStore(path, synchronous="normal")
    for store in stores:
        await store.open()
    try:
        await play(data, *stores)
    finally:
        for store in stores:
            await store.close()
