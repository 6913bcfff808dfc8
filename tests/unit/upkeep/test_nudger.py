"""A duty that is nudged does its round at once."""

import asyncio

import pytest

from folkmoot.brokers.local import LocalBroker
from folkmoot.core.events import Event
from folkmoot.testing.clock import FakeClock
from folkmoot.upkeep.duty import Duty
from folkmoot.upkeep.nudger import Nudger


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def duty(clock):
    begun = asyncio.Semaphore(0)
    go = asyncio.Event()

    async def once():
        begun.release()
        await go.wait()

    duty = Duty("d", once, every_s=60, clock=clock, report=lambda *_: None)
    duty.begun, duty.go = begun, go
    yield duty
    go.set()
    await duty.stop()


async def test_a_nudge_ends_the_pause(duty, clock):
    duty.go.set()
    await duty.start()
    for _ in range(3):
        await duty.begun.acquire()
        await clock.asleep()
        duty.nudge()
    await duty.begun.acquire()


async def test_nudges_while_a_round_is_under_way_are_one_more_round(duty, clock):
    await duty.start()
    await duty.begun.acquire()
    for _ in range(5):
        duty.nudge()
    duty.go.set()
    await duty.begun.acquire()
    await clock.asleep()
    assert duty.rounds == 2


async def test_a_hint_nudges(duty, clock):
    broker = LocalBroker()
    await broker.open()
    nudger = Nudger(broker, "outbox.filled", duty)
    await nudger.start()
    await nudger.start()
    duty.go.set()
    await duty.start()
    await duty.begun.acquire()
    await clock.asleep()
    await broker.publish(Event("outbox.filled"))
    await duty.begun.acquire()
    await nudger.stop()
    await broker.close()
