"""Many deadlines, one timer."""

import asyncio

import pytest

from folkmoot.flow.alarms import Alarm, Alarms


class Bell(Alarm):
    def __init__(self) -> None:
        self.rung: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ring(self) -> None:
        self.rung.set_result(None)


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def test_a_block_that_takes_too_long_ends_with_a_time_out():
    with pytest.raises(TimeoutError), Alarms().within(0):
        await forever()


async def test_a_block_that_ends_in_time_is_left_alone():
    alarms = Alarms()
    with alarms.within(60):
        pass
    with pytest.raises(TimeoutError), alarms.within(0):  # nor is the next one
        await forever()


async def test_what_a_block_raises_itself_is_what_comes_out():
    with pytest.raises(KeyError), Alarms().within(0):
        raise KeyError


async def test_a_time_out_leaves_no_cancel_behind():
    with pytest.raises(TimeoutError), Alarms().within(0):
        await forever()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancel_from_elsewhere_stays_a_cancel_even_when_the_time_is_over_too():
    alarms, begun = Alarms(), asyncio.Event()

    async def wait() -> None:
        with alarms.within(0):
            begun.set()
            await forever()

    task = asyncio.ensure_future(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_outer_block_may_end_first():
    alarms = Alarms()
    with pytest.raises(TimeoutError), alarms.within(0), alarms.within(60):
        await forever()


async def test_an_earlier_deadline_that_is_set_later_rings_first():
    alarms, late, soon = Alarms(), Bell(), Bell()
    alarms.set(late, 60)
    alarms.set(soon, 0)
    await soon.rung
    assert not late.rung.done()


async def test_after_a_ring_the_timer_is_set_for_what_is_left():
    alarms, first, second = Alarms(), Bell(), Bell()
    alarms.set(first, 0)
    alarms.set(second, 0.001)
    await second.rung
    assert first.rung.done()


async def test_an_alarm_that_was_taken_back_does_not_ring():
    alarms, quiet, loud = Alarms(), Bell(), Bell()
    alarms.set(quiet, 0)
    alarms.set(loud, 0)
    alarms.take_back(quiet)
    alarms.take_back(quiet)
    await loud.rung
    assert not quiet.rung.done()


async def test_a_thousand_blocks_cost_one_timer(monkeypatch: pytest.MonkeyPatch):
    loop, made = asyncio.get_running_loop(), []
    call_at = loop.call_at
    monkeypatch.setattr(loop, "call_at", lambda *given: (made.append(given), call_at(*given))[1])
    alarms = Alarms()
    for _ in range(1000):
        with alarms.within(60):
            pass
    assert len(made) == 1


def test_another_event_loop_starts_afresh():
    alarms = Alarms()

    async def once() -> None:
        with pytest.raises(TimeoutError), alarms.within(0):
            await forever()
        alarms.set(Bell(), 60)

    asyncio.run(once())
    asyncio.run(once())
