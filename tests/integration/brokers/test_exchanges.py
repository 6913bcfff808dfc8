"""Events over real servers."""

import asyncio
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import aio_pika
import pytest

from folkmoot.core import envelope as envelopes
from folkmoot.core.errors import BrokerFault
from folkmoot.testing.contracts.exchange import ExchangeContract
from folkmoot.testing.contracts.exchange.hands import event, gather, receive

pytestmark = pytest.mark.server


NAMES = ("one", "two", "three", "exact", "tail", "head", "middle")


@pytest.fixture
async def events_url(any_url, swept):
    """A URL whose events leave nothing behind."""
    yield any_url
    await swept(any_url, NAMES)


def prefix_of(url):
    return parse_qs(urlsplit(url).query)["prefix"][0]


@pytest.fixture
async def exchange(events_url, exchange_of):
    exchange = exchange_of(events_url)
    await exchange.open()
    yield exchange
    await exchange.close()


@pytest.fixture
async def second(events_url, exchange_of):
    exchange = exchange_of(events_url)
    await exchange.open()
    yield exchange
    await exchange.close()


class TestExchanges(ExchangeContract):
    @pytest.fixture
    async def exchange(self, exchange):
        return exchange

    @pytest.fixture
    async def second(self, second):
        return second


async def test_what_a_killed_taker_held_comes_to_another(events_url, exchange_of):
    """It says no last word: its connection just ends."""
    rabbit = events_url.startswith("amqp")
    first, other = (exchange_of(events_url, **({} if rabbit else {"lease_s": 1})) for _ in range(2))
    for each in (first, other):
        await each.open()
    await first.subscribe("one", ["a"])
    sent = event("a")
    await other.emit(sent)
    await receive(first)
    first._wire.forsake = first._wire.say = lambda *_: _never()
    await first.close()
    await other.subscribe("one", ["a"])
    assert await gather(other, 1) == [("one", sent.event_id)]
    await other.close()


async def _never():
    raise ConnectionError("killed")


async def test_an_outage_is_said_and_ends_by_itself(server, exchange_of):
    """Redis keeps nothing here, NATS does; both carry again."""
    exchange = exchange_of(server.url)
    await exchange.open()
    await exchange.subscribe("one", ["a"])
    server.kill()
    with pytest.raises(BrokerFault):
        await exchange.emit(event("a"))
    await server.start()
    sent = event("a")
    async with asyncio.timeout(20):
        while True:
            with suppress(BrokerFault):
                await exchange.emit(sent)
                break
            await asyncio.sleep(0.1)
    assert await gather(exchange, 1) == [("one", sent.event_id)]
    await exchange.close()


@pytest.fixture
async def rabbit(rabbitmq_url, exchange_of, swept):
    """An exchange at RabbitMQ, and a channel of somebody else's."""
    exchange = exchange_of(rabbitmq_url)
    await exchange.open()
    connection = await aio_pika.connect(rabbitmq_url)
    yield exchange, await connection.channel(), prefix_of(rabbitmq_url)
    await connection.close()
    await exchange.close()
    await swept(rabbitmq_url, NAMES)


async def next_of(channel, name):
    """Take the next message of a queue."""
    queue = await channel.get_queue(name, ensure=False)
    for _ in range(200):
        message = await queue.get(fail=False)
        if message is not None:
            await message.ack()
            return message
        await asyncio.sleep(0.02)
    pytest.fail(f"nothing came into {name}")


async def test_rabbitmq_carries_messages_of_the_contract(rabbit):
    exchange, channel, prefix = rabbit
    theirs = await channel.declare_queue(exclusive=True)
    await theirs.bind(f"{prefix}agent_events", "task.*.high")
    sent = event("task.done", priority="high", trace_id="t1", retry_count=2)
    await exchange.emit(sent)
    message = await next_of(channel, theirs.name)
    assert message.routing_key == "task.done.high"
    assert message.message_id == sent.event_id
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert {**message.headers} == {"event_type": "task.done", "trace_id": "t1", "retry_count": 2}
    assert envelopes.read(message.body) == sent


async def test_rabbitmq_receives_from_senders_with_keys_of_their_own(rabbit):
    exchange, channel, prefix = rabbit
    await exchange.subscribe("one", ["slack.command.*"])
    theirs = await channel.get_exchange(f"{prefix}agent_events", ensure=False)
    sent = event("slack.message.received")
    message = aio_pika.Message(envelopes.write(sent))
    await theirs.publish(message, "slack.command.deploy")
    (arrival,) = await receive(exchange)
    assert (arrival.topic, envelopes.read(arrival.body)) == ("slack.command.deploy", sent)
    await arrival.ack()


async def test_rabbitmq_keeps_what_was_rejected_and_copies_of_what_was_buried(rabbit):
    exchange, channel, prefix = rabbit
    await exchange.subscribe("one", ["a"])
    theirs = await channel.get_exchange(f"{prefix}agent_events", ensure=False)
    await theirs.publish(aio_pika.Message(b"no event"), "a.normal")
    (arrival,) = await receive(exchange)
    await arrival.reject()
    assert (await next_of(channel, f"dlq.{prefix}agent.one")).body == b"no event"
    sent = event("a")
    await exchange.bury("one", sent, 5, "It broke.")
    message = await next_of(channel, f"dlq.{prefix}agent.one")
    assert envelopes.read(message.body) == sent
    assert (message.headers["retry_count"], message.headers["error"]) == (5, "It broke.")


async def test_rabbitmq_uses_a_queue_that_is_there_already(rabbit):
    exchange, channel, prefix = rabbit
    await channel.declare_queue(f"{prefix}agent.one", durable=True)
    await exchange.subscribe("one", ["a"])
    sent = event("a")
    await exchange.emit(sent)
    assert await gather(exchange, 1) == [("one", sent.event_id)]


async def test_a_deleted_queue_is_made_anew(rabbit):
    exchange, channel, prefix = rabbit
    await exchange.subscribe("one", ["a"])
    await channel.queue_delete(f"{prefix}agent.one")
    sent = event("a")
    emitting = asyncio.create_task(_again_and_again(exchange, sent))
    assert await gather(exchange, 1) == [("one", sent.event_id)]
    emitting.cancel()


async def _again_and_again(exchange, sent):
    while True:
        with suppress(BrokerFault):
            await exchange.emit(sent)
        await asyncio.sleep(0.1)
