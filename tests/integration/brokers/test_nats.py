"""NATS under the broker contract."""

import asyncio

import nats
import pytest

from folkmoot.brokers.nats.broker import connect
from folkmoot.core.events import Event
from folkmoot.testing.contracts.broker import BrokerContract
from folkmoot.testing.contracts.broker.hands import gather, hear, take

pytestmark = pytest.mark.server


class TestNatsBroker(BrokerContract):
    @pytest.fixture
    async def broker(self, nats_url):
        broker = connect(nats_url)
        await broker.open()
        yield broker
        await broker.close()

    @pytest.fixture
    async def second(self, broker, nats_url):
        second = connect(nats_url)
        await second.open()
        yield second
        await second.close()


async def said_together(broker, runs):
    await asyncio.gather(*(broker.put("q", run) for run in runs))


class TestTogether:
    """What is said at once travels together, and nobody can tell by what comes out."""

    broker, second = TestNatsBroker.broker, TestNatsBroker.second

    async def test_a_small_taker_leaves_the_rest_of_a_message_to_others(self, broker, second):
        runs = {f"run_{n}" for n in range(40)}
        await said_together(broker, runs)
        held = await take(broker, 1)
        others = await gather(second, 39)
        assert {x.run for x in (*held, *others)} == runs
        await held[0].nack()
        assert [x.run for x in await take(second)] == [held[0].run]

    async def test_what_is_given_back_of_a_message_comes_again_alone(self, broker, second):
        await said_together(broker, [f"run_{n}" for n in range(16)])
        first, *rest = await take(broker, 16)
        for delivery in rest:
            await delivery.ack()
        await first.nack()
        assert [x.run for x in await gather(second, 1)] == [first.run]

    async def test_a_dead_taker_of_a_message_loses_nothing(self, broker, second):
        await said_together(broker, [f"run_{n}" for n in range(16)])
        held = await take(second, 16)
        await held[0].ack()
        await second.close()
        left = {f"run_{n}" for n in range(16)} - {held[0].run}
        assert left <= {x.run for x in await gather(broker, 15)} | {held[0].run}

    async def test_hints_come_once_however_many_patterns_fit(self, broker, second):
        async with second.listen("#", "run.*.state", "run.1.*") as wide:
            async with second.listen("run.*.state") as narrow:
                events = [Event(f"run.{n}.state", b"x") for n in range(100)]
                await asyncio.gather(*(broker.publish(event) for event in events))
                assert await hear(wide, 100) == events
                assert await hear(narrow, 100) == events
            await broker.publish(Event("run.1.state", b"last"))
            assert await hear(wide, 1) == [Event("run.1.state", b"last")]

    async def test_what_nobody_can_read_is_thrown_away(self, broker, nats_url):
        client = await nats.connect(nats_url.partition("?")[0])
        prefix = nats_url.partition("prefix=")[2]
        await client.jetstream().publish(f"{prefix}folkmoot.work.q.normal.%many-1", b"\xff")
        await client.close()
        await broker.put("q", "run_1")
        assert [x.run for x in await gather(broker, 1)] == ["run_1"]
        assert broker.losses == 0
