"""RabbitMQ under the broker contract, and what is its own."""

import asyncio

import aio_pika
import pytest

from folkmoot.brokers.rabbitmq.broker import connect
from folkmoot.testing.contracts.broker import BrokerContract
from folkmoot.testing.contracts.broker.hands import SOON_S, gather, take

pytestmark = pytest.mark.server


async def put(broker, runs, priority="normal"):
    """Announce all at once."""
    await asyncio.gather(*(broker.put("q", run, priority) for run in runs))


def names(count):
    return [f"run_{n}" for n in range(count)]


class TestRabbitBroker(BrokerContract):
    @pytest.fixture
    async def broker(self, rabbitmq_url):
        broker = connect(rabbitmq_url)
        await broker.open()
        yield broker
        await broker.close()

    @pytest.fixture
    async def second(self, broker, rabbitmq_url):
        second = connect(rabbitmq_url)
        await second.open()
        yield second
        await second.close()

    async def test_what_was_handed_over_and_nobody_has_room_for_goes_to_others(
        self, broker, second
    ):
        """One took as much as it could for a moment, and never comes again."""
        waiting = asyncio.ensure_future(take(broker, 50))
        await asyncio.sleep(0.2)
        await put(second, names(400))
        held = await waiting
        rest = await gather(second, 400 - len(held))
        assert sorted(x.run for x in [*held, *rest]) == sorted(names(400))

    async def test_a_worker_that_fetches_again_and_again_still_gets_the_urgent_first(self, broker):
        await put(broker, names(300), "low")
        taken = await gather(broker, 20, at_once=10)
        await put(broker, ["urgent"], "critical")
        await asyncio.sleep(0.1)
        taken += await gather(broker, 10, at_once=10)
        assert "urgent" in [x.run for x in taken]
        taken += await gather(broker, 301 - len(taken))
        assert len({x.run for x in taken}) == 301

    async def test_closing_gives_back_what_was_handed_over(self, broker, second):
        await put(broker, names(300))
        held = await gather(second, 20, at_once=10)
        await second.close()
        rest = await gather(broker, 300 - len(held))
        assert sorted(x.run for x in [*held, *rest]) == sorted(names(300))

    @pytest.mark.parametrize("waits", [True, False])
    async def test_a_queue_that_somebody_deleted_is_made_anew(self, broker, rabbitmq_url, waits):
        """Whether somebody waits for it or says something into it; and it is told that all was lost."""
        await broker.put("q", "run_1")
        await gather(broker, 1)
        taker = asyncio.ensure_future(broker.take("q")) if waits else None
        await asyncio.sleep(0.2)
        url, _, prefix = rabbitmq_url.partition("?prefix=")
        async with await aio_pika.connect(url) as connection:
            await (await connection.channel()).queue_delete(f"{prefix}work.queue.q.normal")
        losses = broker.losses
        async with asyncio.timeout(SOON_S):
            while waits and broker.losses == losses:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
            await broker.put("q", "run_2")
        assert broker.losses > losses
        assert [x.run for x in await (taker or take(broker))] == ["run_2"]
