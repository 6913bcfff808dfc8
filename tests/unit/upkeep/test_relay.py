"""The relay keeps the broker's line short and fair."""

import pytest
from msgspec.structs import replace

from folkmoot.brokers.local import LocalBroker
from folkmoot.core.changes import Acquire
from folkmoot.core.errors import LeaseLost
from folkmoot.core.urgency import AGAIN_MS, AGEING_MS, FIRST_TRUST_MS
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.contracts.store.samples import NOW, birth, take
from folkmoot.upkeep.leader import LEASE
from folkmoot.upkeep.relay import Relay

WINDOW = 4


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
async def store(clock):
    store = MemoryStore(clock)
    await store.open()
    yield store
    await store.close()


class Lossy(LocalBroker):
    """A broker that tells how often it has lost something."""

    def __init__(self) -> None:
        super().__init__()
        self.losses = 0


@pytest.fixture
async def broker():
    broker = Lossy()
    await broker.open()
    yield broker
    await broker.close()


@pytest.fixture
def relay(store, broker, clock):
    return Relay(store, broker, clock, "runs", again_ms=60_000, window=WINDOW)


async def taken(broker, limit=10):
    found = await broker.take("runs", limit)
    return [(delivery.run, delivery.priority) for delivery in found]


async def test_no_more_stand_in_the_broker_than_the_window(store, broker, relay):
    await store.write(*[birth(f"a{n}", agent="a") for n in range(6)])
    await store.write(birth("b0", agent="b"))
    assert await relay.once()
    assert [run for run, _ in await taken(broker)] == ["a0", "b0", "a1", "a2"]
    assert await relay.once(), "the line is full, and more wait"
    for run in ("a0", "b0"):
        await take(store, run)
    assert await relay.once()
    assert [run for run, _ in await taken(broker)] == ["a3", "a4"]


async def test_an_empty_queue_is_no_reason_to_hurry(relay):
    assert not await relay.once()


async def test_who_has_waited_is_announced_as_more_urgent(store, broker, relay, clock):
    await store.write(birth("r1", priority="low"))
    await relay.once()
    assert await taken(broker) == [("r1", "low")]
    clock.advance(AGEING_MS / 1000 + 1)
    await relay.once()
    assert await taken(broker) == [("r1", "normal")]


async def test_a_broker_that_lost_something_hears_everything_again(store, broker, relay):
    await store.write(birth("r1"), birth("r2"))
    await relay.once()
    await taken(broker)
    assert not await relay.once()
    broker.losses = 1
    await relay.once()
    assert [run for run, _ in await taken(broker)] == ["r1", "r2"]


async def test_a_former_leader_announces_nothing(store, broker, relay):
    await store.write(birth("r1"), Acquire(name=LEASE, holder="other", ttl_ms=1000))
    with pytest.raises(LeaseLost):
        await relay.once(7)
    assert (await store.ready(NOW, 10, NOW))[0].id == "r1"
    await relay.once(1)
    assert await taken(broker) == [("r1", "normal")]


async def test_a_process_that_lost_nothing_leaves_it_to_the_leader(store, relay):
    await store.write(birth("r1"))
    assert [await relay.lost() for _ in range(3)] == [False, False, False]


async def test_a_process_whose_connection_lost_something_says_all_again_once(store, relay, broker):
    await store.write(birth("r1"))
    assert await relay.once()
    assert not await relay.lost()
    broker.losses += 1
    assert [await relay.lost() for _ in range(2)] == [True, False]


async def test_the_first_round_of_each_term_trusts_no_announcement(store, relay):
    """Whoever led between may have died between noting an announcement and making it."""
    lease = Acquire(name=LEASE, holder="me", ttl_ms=0)
    await store.write(birth("r1"))
    (first,) = await store.write(lease)
    assert [await relay.once(first) for _ in range(2)] == [True, False]
    (second,) = await store.write(lease)
    assert second > first
    assert [await relay.once(second) for _ in range(2)] == [True, False]


async def test_what_is_born_announced_is_not_said_again(store, broker, relay, clock):
    """Also soon after the first round, which trusts nothing from before."""
    await store.write(birth("r1"))
    await relay.once()
    clock.advance(1)
    born = replace(birth("r2"), announced_at=clock.now() + FIRST_TRUST_MS - AGAIN_MS)
    await store.write(born)
    await broker.put("runs", "r2")
    assert not await relay.once()
    assert [run for run, _ in await taken(broker)] == ["r1", "r2"]


async def test_what_found_no_room_in_the_first_round_is_not_trusted_either(store, broker, relay):
    await store.write(*[replace(birth(f"r{n}"), announced_at=NOW - 1) for n in range(6)])
    assert await relay.once()
    assert [run for run, _ in await taken(broker)] == ["r0", "r1", "r2", "r3"]
    for run in ("r0", "r1"):
        await take(store, run)
    assert await relay.once()
    assert [run for run, _ in await taken(broker)] == ["r4", "r5"]


async def test_the_first_round_trusts_no_announcement_and_the_next_does(store, relay):
    await store.write(birth("r1"))
    assert [await relay.once() for _ in range(2)] == [True, False]
