import asyncio

import pytest

from folkmoot.brokers.link import uncut


async def test_a_library_that_cancels_its_waiters_does_not_cancel_us():
    answer = asyncio.get_running_loop().create_future()
    answer.cancel()
    with pytest.raises(ConnectionResetError):
        await uncut(answer)


async def test_who_is_cancelled_is_cancelled():
    task = asyncio.create_task(uncut(asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_out_stays_one():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await uncut(asyncio.Event().wait())
