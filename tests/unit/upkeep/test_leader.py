"""Of those who stand one leads, and who led before can do nothing more."""

import pytest

from folkmoot.core.changes import PutRecord
from folkmoot.core.errors import LeaseLost
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.upkeep.leader import LEASE, Leader, led, under

TTL_S = 6.0


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def store(clock):
    store = MemoryStore(clock)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def stand(store, clock):
    """Return a candidate; its clock may be another than the store's."""

    def stand(holder, patience_s=0.0, own=None):
        return Leader(store, own or clock, holder, TTL_S, patience_s)

    return stand


async def test_one_leads_and_goes_on_leading(stand, clock):
    one, two = stand("one"), stand("two")
    assert await one.once()
    assert not await two.once()
    for _ in range(10):
        clock.advance(TTL_S / 4)
        assert await one.once()
        assert not await two.once()
    assert (one.fence, two.fence, one.terms) == (1, 0, 1)


async def test_when_the_leader_is_silent_another_leads(stand, clock):
    one, two = stand("one"), stand("two")
    await one.once()
    clock.advance(TTL_S)
    assert one.fence == 0
    assert await two.once()
    assert two.fence == 2
    assert not await one.once()


async def test_nobody_believes_to_lead_longer_than_the_store_does(store, stand):
    own = FakeClock()
    one = stand("one", own=own)
    await one.once()
    own.advance(TTL_S - 0.001)
    assert one.fence == 1
    own.advance(0.001)
    assert one.fence == 0
    assert (await store.lease(LEASE)).holder == "one"


async def test_what_a_former_leader_has_begun_is_refused(store, stand, clock):
    stopped = FakeClock()  # the process was stopped: its own time stood still
    one, two = stand("one", own=stopped), stand("two")
    await one.once()
    clock.advance(TTL_S)
    await two.once()
    assert one.fence == 1, "it does not know yet"
    with pytest.raises(LeaseLost):
        await store.write(under(one.fence), PutRecord(kind="k", key="duty", body=b"1"))
    await store.write(under(two.fence), PutRecord(kind="k", key="duty", body=b"2"))
    assert (await store.record("k", "duty")).body == b"2"
    assert not await one.once()
    assert one.fence == 0


async def test_a_duty_is_done_under_the_fence_of_the_moment_and_only_there(stand, clock):
    one, two = stand("one"), stand("two")
    fences = []

    async def act(fence):
        fences.append(fence)

    rounds = led(one, act), led(two, act)
    for _ in range(2):
        await one.once()
        await two.once()
        for each in rounds:
            await each()
        clock.advance(TTL_S)
        for each in rounds:
            await each()
    assert fences == [1, 2]


async def test_who_resigns_is_followed_at_once(stand):
    one, two = stand("one"), stand("two")
    await one.once()
    await one.resign()
    await one.resign()
    assert one.fence == 0
    assert await two.once()
    await one.resign()
    assert two.fence == 2


async def test_a_stand_in_waits_for_the_coordinators(stand, clock):
    patient, eager = stand("worker", patience_s=2.0), stand("coordinator")
    assert not await patient.once()
    clock.advance(1.9)
    assert not await patient.once()
    assert await eager.once()
    clock.advance(1.0)
    assert not await patient.once()
    clock.advance(TTL_S)
    assert not await patient.once()
    clock.advance(2.0)
    assert await patient.once()
    clock.advance(1.0)
    assert await patient.once(), "whoever leads renews without waiting"
    assert not await eager.once()
