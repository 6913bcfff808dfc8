"""Runs go a given time after their end, in small parts; without a setting they stay for ever."""

import pytest

from folkmoot.core import ids
from folkmoot.core.run import RunState
from folkmoot.ports.store import Query
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.contracts.store.samples import NOW, birth, end, start
from folkmoot.upkeep.pruner import Pruner

DAY_S = 86_400


def name(nr: int) -> str:
    return ids.make("run", NOW, nr.to_bytes(8, "big"))


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
async def store(clock):
    store = MemoryStore(clock)
    await store.open()
    return store


async def test_a_run_is_kept_for_so_many_days(store, clock):
    await end(store, name(1))
    pruner = Pruner(store, clock, keep_days=2)
    clock.advance(2 * DAY_S)
    assert await pruner.once() == 0
    clock.advance(1)
    assert await pruner.once() == 1
    assert await store.runs(Query()) == []


async def test_without_a_setting_everything_stays(store, clock):
    await end(store, name(1))
    clock.advance(10_000 * DAY_S)
    assert await Pruner(store, clock, keep_days=0).once() == 0


async def test_many_go_in_one_round_in_small_parts(store, clock):
    for nr in range(450):
        await end(store, name(nr), RunState.FAILED)
    await store.write(birth(name(450)))
    await start(store, name(451), "w1")
    clock.advance(2 * DAY_S)
    pruner = Pruner(store, clock, keep_days=1)
    assert await pruner.once() == 450
    assert (pruner.pruned, len(await store.runs(Query()))) == (450, 2)
