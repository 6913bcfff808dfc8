import asyncio

import pytest

from folkmoot.core.changes import Acquire, Beat, Rescue
from folkmoot.core.errors import RunUnknown, StoreClosed
from folkmoot.ports.store import GONE_MS, Store
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.contracts.store import StoreContract, lacking
from folkmoot.testing.contracts.store.samples import birth, signal


@pytest.fixture
def clock():
    return FakeClock()


class TestMemoryStore(StoreContract):
    @pytest.fixture
    async def store(self, clock):
        store = MemoryStore(clock)
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    def elapse(self, clock):
        async def elapse(ms):
            clock.advance(ms / 1000)

        return elapse


async def test_it_must_be_opened_first(clock):
    with pytest.raises(StoreClosed):
        await MemoryStore(clock).run("r1")


async def test_it_stays_closed(clock):
    store = MemoryStore(clock)
    await store.open()
    await store.close()
    with pytest.raises(StoreClosed):
        await store.open()


async def test_it_claims_nothing_that_it_cannot_keep(clock):
    as_port: Store = MemoryStore(clock)
    assert as_port.capabilities == frozenset()


async def test_a_write_gives_way_to_others(clock):
    store = MemoryStore(clock)
    await store.open()
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    await store.write(birth("r1"))
    assert ran.is_set()


async def test_a_refused_write_gives_way_to_others(clock):
    store = MemoryStore(clock)
    await store.open()
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    with pytest.raises(RunUnknown):
        await store.write(signal("r0", "s1"))
    assert ran.is_set()


async def test_the_dead_do_not_pile_up(clock):
    store = MemoryStore(clock)
    await store.open()
    for n in range(1000):
        await store.write(Beat(worker=f"w{n}", ttl_ms=100))
        clock.advance(GONE_MS / 1000)
        await store.write(Rescue(now=clock.now()))
        assert len(store._tables.beats) == 1


async def test_a_lease_from_before_the_clock_was_set_back_is_over(clock):
    store = MemoryStore(clock)
    await store.open()
    await store.write(Acquire(name="n", holder="a", ttl_ms=1000))
    clock.leap(-3600)
    assert (await store.lease("n")).left_ms == 0
    assert await store.write(Acquire(name="n", holder="b", ttl_ms=1000)) == (2,)
    assert (await store.lease("n")).left_ms == 1000


class TestTheContractItself:
    async def test_a_capability_that_is_not_shown_is_a_failure(self, clock):
        class Boaster(MemoryStore):
            capabilities = frozenset({"durable"})

        with pytest.raises(pytest.fail.Exception, match="reopen"):
            lacking(Boaster(clock), "durable", "reopen")

    async def test_a_capability_that_is_not_claimed_is_skipped(self, clock):
        with pytest.raises(pytest.skip.Exception, match="not shared"):
            lacking(MemoryStore(clock), "shared", "second")
