import asyncio

import pytest

from folkmoot.ports.clock import Clock
from folkmoot.testing.clock import FakeClock


@pytest.fixture
def clock():
    return FakeClock(start_ms=5000)


def test_it_is_a_clock(clock):
    as_port: Clock = clock
    assert as_port.now() == 5000
    assert as_port.monotonic() == 0.0


async def test_time_stands_still_until_it_is_moved(clock):
    await asyncio.sleep(0.002)
    assert (clock.now(), clock.monotonic()) == (5000, 0.0)
    clock.advance(1.5)
    assert (clock.now(), clock.monotonic()) == (6500, 1.5)


def test_many_small_steps_add_up_exactly(clock):
    for _ in range(1000):
        clock.advance(0.1)
    assert clock.monotonic() == 100.0
    assert clock.now() == 105_000


def test_time_does_not_go_back(clock):
    with pytest.raises(ValueError, match="back"):
        clock.advance(-0.1)


async def test_sleepers_wake_in_the_order_of_their_times(clock):
    woken = []

    async def sleeper(name, seconds):
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in [("c", 3), ("a", 1), ("b1", 2), ("b2", 2)]:
            group.create_task(sleeper(name, seconds))
        await clock.asleep(4)
        clock.advance(2)
        await asyncio.sleep(0)
        assert [name for name, _ in woken] == ["a", "b1", "b2"]
        clock.advance(1)
    assert woken[-1] == ("c", 3.0)


async def test_a_sleeper_does_not_wake_early(clock):
    task = asyncio.create_task(clock.sleep(1))
    await clock.asleep()
    clock.advance(0.999)
    await asyncio.sleep(0)
    assert not task.done()
    clock.advance(0.001)
    await task


async def test_sleeping_for_nothing_lets_the_others_run(clock):
    task = asyncio.create_task(asyncio.sleep(0))
    await clock.sleep(0)
    await clock.sleep(-1)
    assert task.done()


async def test_a_cancelled_sleeper_is_gone(clock):
    task = asyncio.create_task(clock.sleep(1))
    await clock.asleep()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.sleeping == 0
    clock.advance(2)


async def test_asleep_waits_until_so_many_sleep(clock):
    waiting = asyncio.create_task(clock.asleep(2))
    first = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    second = asyncio.create_task(clock.sleep(1))
    await waiting
    clock.advance(1)
    await first
    await second


async def test_a_woken_sleeper_counts_only_when_it_sleeps_again(clock):
    beats = []

    async def periodic():
        while True:
            beats.append(clock.monotonic())
            await clock.sleep(1)

    task = asyncio.create_task(periodic())
    for _ in range(3):
        await clock.asleep()
        clock.advance(1)
    await clock.asleep()
    task.cancel()
    assert beats == [0.0, 1.0, 2.0, 3.0]


def test_entropy_never_repeats_and_can_be_foretold():
    one, again, other = FakeClock(seed=1), FakeClock(seed=1), FakeClock(seed=2)
    drawn = [one.entropy(10) for _ in range(1000)]
    assert len(set(drawn)) == 1000
    assert [again.entropy(10) for _ in range(1000)] == drawn
    assert other.entropy(10) != drawn[0]
    assert {len(one.entropy(size)) for size in (1, 16, 300)} == {1, 16, 300}
