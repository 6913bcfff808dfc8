import pytest

from folkmoot.core.changes import Beat, Claim
from folkmoot.core.errors import StoreFault
from folkmoot.core.run import RunState
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.contracts.store.samples import NOW, birth
from folkmoot.upkeep.leaps import Leaps
from folkmoot.upkeep.rescuer import Rescuer

LEASE_S = 6.0
LEASE_MS = 6000
HOUR_S = 3600
HOUR_MS = 3_600_000


@pytest.fixture
def clock():
    return FakeClock(start_ms=NOW)


class Machine:
    """A store's clock whose answers take as long as a test likes."""

    def __init__(self, clock):
        self.clock, self.takes, self.gone = clock, (0.0, 0.0), False

    async def ask(self):
        self.clock.advance(self.takes[0])
        if self.gone:
            raise StoreFault("The store does not answer.")
        told = self.clock.now()
        self.clock.advance(self.takes[1])
        return told


@pytest.fixture
def machine(clock):
    return Machine(clock)


@pytest.fixture
def leaps(machine, clock):
    return Leaps(machine.ask, clock, LEASE_S)


async def test_a_clock_that_goes_right_is_believed(leaps, clock):
    for _ in range(10):
        assert await leaps.look() == (clock.now(), clock.now() + LEASE_MS)
        clock.advance(1)


@pytest.mark.parametrize("takes", [(5.0, 0.0), (0.0, 5.0), (3.0, 3.0)])
async def test_slow_answers_are_no_leap(leaps, machine, clock, takes):
    await leaps.look()
    for machine.takes in (takes, (0.0, 0.0), takes, takes):
        clock.advance(1)
        present = await leaps.look()
        assert present.latest - present.earliest == LEASE_MS


async def test_what_a_gentle_correction_gains_is_no_leap(leaps, clock):
    await leaps.look()
    clock.leap(0.4)
    assert (await leaps.look()).earliest == clock.now()


async def test_for_one_lease_after_a_leap_ahead_the_present_may_be_before_it(leaps, clock):
    await leaps.look()
    clock.leap(HOUR_S)
    for _ in range(int(LEASE_S)):
        assert (await leaps.look()).earliest == clock.now() - HOUR_MS
        clock.advance(1)
    assert (await leaps.look()).earliest == clock.now()


async def test_for_one_lease_after_it_was_set_back_the_present_may_be_what_it_was(leaps, clock):
    await leaps.look()
    clock.leap(-HOUR_S)
    assert await leaps.look() == (clock.now(), clock.now() + HOUR_MS + LEASE_MS)
    clock.advance(LEASE_S)
    assert await leaps.look() == (clock.now(), clock.now() + LEASE_MS)


async def test_leaps_both_ways_widen_both_ways(leaps, clock):
    await leaps.look()
    for by in (HOUR_S, -HOUR_S, HOUR_S):
        clock.leap(by)
        present = await leaps.look()
    assert present == (clock.now() - 2 * HOUR_MS, clock.now() + HOUR_MS + LEASE_MS)


async def test_a_leap_during_an_outage_is_noticed_after_it(leaps, machine, clock):
    await leaps.look()
    machine.gone = True
    with pytest.raises(StoreFault):
        await leaps.look()
    clock.leap(HOUR_S)
    clock.advance(100)
    machine.gone = False
    assert (await leaps.look()).earliest == clock.now() - HOUR_MS


class TestRescue:
    """With a store that goes by the clock that leaps."""

    @pytest.fixture
    async def store(self, clock):
        store = MemoryStore(clock)
        await store.open()
        await store.write(Beat(worker="w1", ttl_ms=LEASE_MS))
        await store.write(birth("r1"))
        await store.write(Claim(run="r1", worker="w1", now=NOW))
        return store

    @pytest.fixture
    def rescuer(self, store, clock):
        return Rescuer(store, clock, LEASE_S)

    async def state(self, store):
        return (await store.run("r1")).state

    async def beat(self, store):
        await store.write(Beat(worker="w1", ttl_ms=LEASE_MS))

    @pytest.mark.parametrize("by", [HOUR_S, 10 * HOUR_S, -HOUR_S])
    async def test_a_leap_takes_nothing_from_the_living(self, store, rescuer, clock, by):
        await rescuer.once()
        clock.leap(by)
        for _ in range(20):
            assert await rescuer.once() == 0
            clock.advance(1)
            await self.beat(store)
        assert await self.state(store) == RunState.RUNNING

    async def test_who_did_not_lead_when_it_leapt_has_noticed_it_too(self, store, rescuer, clock):
        await rescuer.watch()
        clock.leap(HOUR_S)
        await rescuer.watch()
        assert await rescuer.once() == 0

    @pytest.mark.parametrize("by", [HOUR_S, -HOUR_S])
    async def test_the_dead_are_found_one_lease_later(self, store, rescuer, clock, by):
        await rescuer.once()
        clock.leap(by)
        assert await rescuer.once() == 0
        clock.advance(2 * LEASE_S)
        assert await rescuer.once() == 1
        assert await self.state(store) == RunState.QUEUED

    async def test_who_died_before_the_clock_was_set_back_is_found_by_those_who_came_later(
        self, store, clock
    ):
        clock.leap(-HOUR_S)
        assert await Rescuer(store, clock, LEASE_S).once() == 1
