"""Whoever waits for runs of other processes hears of their ends, alone or by the common subscription."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from folkmoot.brokers.local import LocalBroker
from folkmoot.core.events import Event
from folkmoot.flow import news as module
from folkmoot.flow.news import News

LONG = 30.0


@pytest.fixture
async def broker() -> AsyncIterator[LocalBroker]:
    broker = LocalBroker()
    await broker.open()
    yield broker
    await broker.close()


def state(run: str, word: str = "succeeded") -> Event:
    return Event(f"run.{run}.state", b'{"state":"%b"}' % word.encode())


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FEW", 0)


async def test_one_who_waits_alone_hears(broker: LocalBroker) -> None:
    news = News(broker)
    async with news.of("r1") as ear:
        await broker.publish(state("r1"))
        await ear.hear(LONG)
    assert not news.in_force


@pytest.mark.usefixtures("crowd")
async def test_many_share_one_subscription(broker: LocalBroker) -> None:
    news = News(broker)

    async def waits(run: str) -> str:
        async with news.of(run) as ear:
            await ear.hear(LONG)
        return run

    waiting = [asyncio.create_task(waits(f"r{n}")) for n in range(20)]
    async with news.of("r20"):
        assert news.in_force
        for n in range(20):
            await broker.publish(state(f"r{n}"))
        assert await asyncio.gather(*waiting) == [f"r{n}" for n in range(20)]


@pytest.mark.usefixtures("crowd")
async def test_what_came_between_is_heard(broker: LocalBroker) -> None:
    async with News(broker).of("r1") as ear:
        await broker.publish(state("r1"))
        await ear.hear(LONG)


@pytest.mark.usefixtures("crowd")
async def test_a_state_that_nobody_waits_for_is_no_news(broker: LocalBroker) -> None:
    async with News(broker).of("r1") as ear:
        await broker.publish(state("r1", "queued"))
        await ear.hear(0.01)
        await broker.publish(state("r1", "waiting"))
        await ear.hear(LONG)


@pytest.mark.usefixtures("crowd")
async def test_a_run_born_under_our_ears_needs_no_look(broker: LocalBroker) -> None:
    news = News(broker)
    async with news.of("other"):
        news.born("r1")
        async with news.of("r1") as ear:
            assert ear.nothing_yet
        async with news.of("r1") as ear:
            assert not ear.nothing_yet


@pytest.mark.usefixtures("crowd")
async def test_a_run_that_ended_before_anybody_waited_needs_one(broker: LocalBroker) -> None:
    news = News(broker)
    async with news.of("other") as other:
        news.born("r1")
        await broker.publish(state("r1"))
        await broker.publish(state("other"))
        await other.hear(LONG)
        async with news.of("r1") as ear:
            assert not ear.nothing_yet


@pytest.mark.usefixtures("crowd")
async def test_a_broker_that_closes_lets_everybody_go(broker: LocalBroker) -> None:
    news = News(broker)
    async with news.of("r1") as ear:
        await broker.close()
        await ear.hear(0.01)
    assert not news.in_force
