"""What a broker has lost is announced again, by whoever knows of it."""

import pytest

from folkmoot.brokers.local import LocalBroker
from folkmoot.flow.intake import QUEUE
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.contracts.store.samples import NOW, birth
from folkmoot.upkeep.relay import Relay


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
async def relay(broker):
    clock = FakeClock(NOW)
    store = MemoryStore(clock)
    await store.open()
    await store.write(birth("r1"))
    return Relay(store, broker, clock, QUEUE, again_s=60.0)


async def test_a_process_that_lost_nothing_leaves_it_to_the_leader(relay):
    assert [await relay.lost() for _ in range(3)] == [0, 0, 0]


async def test_a_process_whose_connection_lost_something_says_all_again_once(relay, broker):
    assert await relay.once() == 1
    assert await relay.lost() == 0
    broker.losses += 1
    assert [await relay.lost() for _ in range(2)] == [1, 0]


async def test_the_first_round_trusts_no_announcement_and_the_next_does(relay):
    assert [await relay.once() for _ in range(2)] == [1, 0]
