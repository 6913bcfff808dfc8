"""Many deadlines, one timer."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

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


async def test_what_never_waits_needs_no_alarm():
    alarms = Alarms()

    async def at_once() -> int:
        return 7

    async def broken() -> int:
        raise KeyError

    assert await alarms.limited(at_once(), 0) == 7
    with pytest.raises(KeyError):
        await alarms.limited(broken(), 0)
    assert alarms._timer is None


async def test_limited_work_that_waits_too_long_is_cut_off():
    cut = []

    async def slow() -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            cut.append(1)
            raise

    with pytest.raises(TimeoutError):
        await Alarms().limited(slow(), 0)
    assert cut == [1]


async def test_limited_work_may_wait_often_and_gives_its_result():
    async def steps() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.sleep(0, "x"), 5)
        return "done"

    assert await Alarms().limited(steps(), 60) == "done"


async def test_limited_work_may_tidy_up_after_its_time():
    tidied = []

    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            tidied.append(1)

    with pytest.raises(TimeoutError):
        await Alarms().limited(tidy(), 0)
    assert tidied == [1]


async def test_a_cancel_from_elsewhere_reaches_limited_work():
    begun, seen = asyncio.Event(), []

    async def work() -> None:
        try:
            begun.set()
            await forever()
        except asyncio.CancelledError:
            seen.append(1)
            raise

    task = asyncio.ensure_future(_limited(work()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [1]


async def test_limited_work_that_swallows_its_time_out_gives_what_it_returns():
    async def stubborn() -> int:
        with contextlib.suppress(asyncio.CancelledError):
            await forever()
        return 3

    assert await Alarms().limited(stubborn(), 0) == 3


async def _limited(work: Coroutine[Any, Any, None]) -> None:
    await Alarms().limited(work, 60)
