"""What a store owes beyond one open handle: after a restart, and beside another process."""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256

import pytest

from folkmoot.core import changes as c
from folkmoot.core.entries import broken
from folkmoot.core.errors import BudgetSpent, KeyReused, LeaseLost, Outdated
from folkmoot.core.run import RunState
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import (
    ALIVE_MS,
    CROWD,
    NOW,
    birth,
    known,
    rest,
    signal,
    start,
    take,
)

Reopen = Callable[[], Awaitable[Store]]


class Durable:
    """Capability `durable`: what was written is there after closing and opening again."""

    async def test_everything_is_there_after_a_restart(self, store: Store, reopen: Reopen) -> None:
        """Runs, journals, signals, money, blobs, letters, announcements."""
        held = await start(store, "r1", labels={"a": "\0"})
        text, data = "big \U0001f98a" * 30_000, b"\0\xff" * 50_000
        await store.write(held.append(text, "small"), held.hold("s", 5, 9), signal("r1", "s1"))
        letter = c.Outbox(id="o1", run="r1", topic="t", body=b"\0", at=NOW)
        blob = c.PutBlob(digest=sha256(data).hexdigest(), data=data)
        await store.write(letter, blob, birth("r2"), birth("r3"))
        await store.write(c.Announced(runs=("r2",), at=NOW))
        await rest(store, "r4", wake_at=NOW + 5)
        before = await store.run("r1"), await store.entries("r1"), await store.signals(["r1"])
        again = await reopen()
        after = await again.run("r1"), await again.entries("r1"), await again.signals(["r1"])
        assert after == before
        assert broken(after[1]) is None
        assert await again.spent("s") == (0, 5)
        assert await again.outbox(NOW, 10) == [letter]
        assert await again.blob(blob.digest) == data
        assert [run.id for run in await again.ready(NOW, 10, NOW)] == ["r3"]
        assert await again.due() == NOW + 5

    async def test_every_promise_holds_after_a_restart(self, store: Store, reopen: Reopen) -> None:
        """Keys, signal ids, fences, limits and heartbeats are remembered."""
        await store.write(birth("r1", key="k"))
        old = await take(store, "r1", "w1")
        await store.write(signal("r1", "s1"), old.hold("s", 5, 9), c.Beat(worker="w1", ttl_ms=0))
        await store.write(old.consume("s1"))
        again = await reopen()
        assert await again.write(birth("r2", key="k")) == (c.Born("r1", new=False),)
        with pytest.raises(KeyReused):
            await again.write(birth("r2", key="k", fingerprint="other"))
        assert await again.write(signal("r1", "s1")) == (False,)
        with pytest.raises(BudgetSpent):
            await again.write(old.hold("s", 5, 9))
        await again.write(old.append("the worker outlived the restart"))
        assert await again.write(c.Rescue(now=NOW)) == (("r1",),)
        with pytest.raises(LeaseLost):
            await again.write(old.append("late"))
        assert (await take(again, "r1", "w2")).fence == old.fence + 2

    async def test_a_living_worker_survives_a_restart_of_the_store(
        self, store: Store, reopen: Reopen
    ) -> None:
        """Its heartbeat goes on counting."""
        await store.write(c.Beat(worker="w1", ttl_ms=ALIVE_MS))
        await start(store, "r1", "w1")
        again = await reopen()
        assert await again.write(c.Rescue(now=NOW)) == ((),)
        assert (await again.counts()).workers == 1

    async def test_leases_and_records_survive_a_restart(self, store: Store, reopen: Reopen) -> None:
        """With their fences and versions."""
        acquire = c.Acquire(name="n", holder="a", ttl_ms=ALIVE_MS)
        put = c.PutRecord(kind="k", key="a", body=b"\0\xff", due=5)
        _, version = await store.write(acquire, put)
        await store.write(c.PutRecord(kind="k", key="b", body=b""))
        await store.write(c.DropRecord(kind="k", key="b"))
        again = await reopen()
        lease = await again.lease("n")
        assert (lease.holder, lease.fence) == ("a", 1)
        assert isinstance(version, int)
        assert await again.record("k", "a") == c.Record("k", "a", version, 5, b"\0\xff")
        (newer,) = await again.write(c.PutRecord(kind="k", key="b", body=b""))
        assert isinstance(newer, int)
        assert newer > version + 1


class Shared:
    """Capability `shared`: several processes write the same data."""

    async def test_one_handle_reads_what_another_wrote(self, store: Store, second: Store) -> None:
        """At once, in both directions."""
        held = await start(store, "r1")
        await second.write(signal("r1", "s1"), birth("r2"))
        assert await store.write(held.append("a")) == (1,)
        assert await second.entries("r1") == await store.entries("r1")
        assert await second.run("r1") == await store.run("r1")
        assert (await store.counts()).states == (await second.counts()).states

    async def test_a_write_elsewhere_is_noticed(self, store: Store, second: Store) -> None:
        """`changed` differs after another's write, and not without one."""
        await store.write(birth("r1"))
        before = await store.changed()
        assert await store.changed() == before
        await second.write(birth("r2"))
        after = await store.changed()
        assert after != before
        assert await store.changed() == after

    async def test_of_claimers_on_two_handles_one_wins(self, store: Store, second: Store) -> None:
        """The fence is the store's, not the process's."""
        await store.write(*[birth(f"r{n}") for n in range(10)])
        handles = [store, second] * (CROWD // 2)
        claims = [
            handle.write(c.Claim(run=f"r{n % 10}", worker=f"w{n}", now=NOW))
            for n, handle in enumerate(handles)
        ]
        won = [x.run.id for (x,) in await asyncio.gather(*claims) if isinstance(x, c.Claimed)]
        assert sorted(won) == sorted(f"r{n}" for n in range(10))

    async def test_a_key_is_unique_over_all_handles(self, store: Store, second: Store) -> None:
        """Two replicas that hear the same event make one run."""
        handles = [store, second] * 10
        writes = [x.write(birth(f"r{n}", key="k")) for n, x in enumerate(handles)]
        born = [x for (x,) in await asyncio.gather(*writes) if isinstance(x, c.Born)]
        assert [x.new for x in born].count(True) == 1
        assert len({x.run for x in born}) == 1

    async def test_a_budget_is_shared_over_all_handles(self, store: Store, second: Store) -> None:
        """Two processes cannot spend the same money."""
        one, two = await start(store, "r1"), await start(second, "r2")
        asked = [store.write(one.hold("s", 7, 100)) for _ in range(10)]
        asked += [second.write(two.hold("s", 7, 100)) for _ in range(10)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [x for x in answers if isinstance(x, BudgetSpent)]
        assert len(answers) - len(refused) == 100 // 7
        assert await store.spent("s") == await second.spent("s") == (0, 7 * (100 // 7))

    async def test_a_lease_is_shared_over_all_handles(self, store: Store, second: Store) -> None:
        """One holder, and no act of the other."""
        handles = [store, second] * 10
        asked = [
            x.write(c.Acquire(name="n", holder=f"w{n}", ttl_ms=ALIVE_MS))
            for n, x in enumerate(handles)
        ]
        assert [fence for (fence,) in await asyncio.gather(*asked) if fence] == [1]
        holder = (await second.lease("n")).holder
        await second.write(c.Release(name="n", holder=holder, fence=1))
        assert await second.write(c.Acquire(name="n", holder="x", ttl_ms=ALIVE_MS)) == (2,)
        with pytest.raises(LeaseLost):
            await store.write(birth("r1"), c.Under(name="n", fence=1))

    async def test_a_record_is_shared_over_all_handles(self, store: Store, second: Store) -> None:
        """Of those who believe the same one is right."""
        (version,) = await store.write(c.PutRecord(kind="k", key="a", body=b"", version=0))
        assert isinstance(version, int)
        handles = [store, second] * 10
        asked = [
            x.write(c.PutRecord(kind="k", key="a", body=b"%d" % n, version=version))
            for n, x in enumerate(handles)
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(not isinstance(answer, Outdated) for answer in answers) == 1
        fresh = [
            x.write(c.PutRecord(kind="k", key="b", body=b"", version=0)) for x in (store, second)
        ]
        answers = await asyncio.gather(*fresh, return_exceptions=True)
        assert sum(not isinstance(answer, Outdated) for answer in answers) == 1

    async def test_a_run_is_rescued_from_another_process(self, store: Store, second: Store) -> None:
        """Whoever rescues, the old worker's writes are refused where it is."""
        await store.write(c.Beat(worker="w1", ttl_ms=0), c.Beat(worker="w2", ttl_ms=ALIVE_MS))
        old = await start(store, "r1", "w1")
        assert await second.write(c.Rescue(now=NOW)) == (("r1",),)
        new = await take(second, "r1", "w2")
        with pytest.raises(LeaseLost):
            await store.write(old.append("late"))
        await second.write(new.append("on time"))
        assert await store.write(c.Rescue(now=NOW)) == ((),)
        assert (await known(store, "r1")).state == RunState.RUNNING

    async def test_a_run_born_here_and_changed_there_is_claimed_as_it_is(
        self, store: Store, second: Store
    ) -> None:
        """Nothing that a handle remembers of a run stands above what is stored."""
        await store.write(birth("r1"), birth("r2"))
        await second.write(signal("r1", "s1"))
        held = await take(second, "r2")
        await second.write(held.append("a"), held.move(RunState.QUEUED, attempt=2))
        one, two = await take(store, "r1"), await take(store, "r2")
        assert [s.id for s in one.claimed.pending] == ["s1"]
        assert [entry.seq for entry in two.claimed.entries] == [1, 2]
        assert (two.fence, two.claimed.run.attempt) == (2, 2)
