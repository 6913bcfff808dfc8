"""What goes wrong between us and a server, on all of them: nothing hangs, nothing raises, all comes back."""

import asyncio
import time
from urllib.parse import urlsplit, urlunsplit

import pytest
from structlog.testing import capture_logs

from folkmoot.brokers.link import PATIENCE_S
from folkmoot.core.errors import SettingsInvalid
from folkmoot.core.events import Event
from folkmoot.testing.proxy import Proxy

pytestmark = pytest.mark.server

SOON_S = 10.0


async def within(awaitable):
    async with asyncio.timeout(SOON_S):
        return await awaitable


async def until(condition):
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110 - many a condition, no event for each
            await asyncio.sleep(0.01)


def through(url, port):
    """The same URL through a proxy."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    host = f"{user}@127.0.0.1:{port}" if user else f"127.0.0.1:{port}"
    return urlunsplit(parts._replace(netloc=host))


@pytest.fixture
async def proxy(any_url):
    parts = urlsplit(any_url)
    async with Proxy(parts.hostname, parts.port) as proxy:
        yield proxy


@pytest.fixture
async def broker(any_url, proxy, make):
    broker = make(through(any_url, proxy.port))
    await broker.open()
    yield broker
    await broker.close()


async def test_a_taker_and_a_listener_go_on_after_the_connection_was_cut(broker, proxy):
    async with broker.listen("a.*") as events:
        taker = asyncio.ensure_future(broker.take("q"))
        await asyncio.sleep(0.2)
        await proxy.cut()
        await until(lambda: not broker._link.up)
        proxy.mend()
        await until(lambda: broker._link.up)
        await broker.put("q", "run_1")
        assert [x.run for x in await within(taker)] == ["run_1"]
        await broker.publish(Event("a.b", b"1"))
        assert await within(anext(events)) == Event("a.b", b"1")


async def test_an_outage_blocks_once_and_not_for_long(broker, proxy):
    await proxy.cut()
    await until(lambda: not broker._link.up)
    began = time.monotonic()
    for n in range(100):
        await broker.put("q", f"run_{n}")
        await broker.publish(Event("a"))
    assert time.monotonic() - began < PATIENCE_S + 1.0
    losses = broker.losses
    proxy.mend()
    await until(lambda: broker._link.up)
    assert broker.losses > losses


async def test_a_short_interruption_loses_no_announcement(broker, proxy):
    await proxy.cut()
    await until(lambda: not broker._link.up)
    putting = asyncio.ensure_future(broker.put("q", "run_1"))
    await asyncio.sleep(0.05)
    proxy.mend()
    await within(putting)
    assert [x.run for x in await within(broker.take("q"))] == ["run_1"]


async def test_silence_is_noticed(broker, proxy):
    """A connection over which nothing comes any more is given up, and a new one is made."""
    taker = asyncio.ensure_future(broker.take("q"))
    await asyncio.sleep(0.2)
    proxy.hold()
    await until(lambda: not broker._link.up)
    await proxy.cut()
    proxy.go_on()
    proxy.mend()
    await until(lambda: broker._link.up)
    await broker.put("q", "run_1")
    assert [x.run for x in await within(taker)] == ["run_1"]


async def test_a_slow_network_changes_nothing_but_the_time(broker, proxy):
    proxy.delay_s = 0.05
    await broker.put("q", "run_1", "high")
    (delivery,) = await within(broker.take("q"))
    assert (delivery.run, delivery.priority) == ("run_1", "high")
    await delivery.ack()


async def test_closing_during_an_outage_does_not_hang(broker, proxy):
    await broker.put("q", "run_1")
    (delivery,) = await within(broker.take("q"))
    taker = asyncio.ensure_future(broker.take("q"))
    await proxy.cut()
    await asyncio.sleep(0)
    began = time.monotonic()
    await broker.close()
    assert time.monotonic() - began < PATIENCE_S + 2.0
    assert await within(taker) == []
    await delivery.nack()


async def test_what_was_taken_before_an_outage_comes_back_or_is_done(broker, proxy):
    """An ack after the outage may be too late; then the run comes a second time, never not at all."""
    await broker.put("q", "run_1")
    (delivery,) = await within(broker.take("q"))
    await proxy.cut()
    await until(lambda: not broker._link.up)
    proxy.mend()
    await until(lambda: broker._link.up)
    await delivery.nack()
    async with asyncio.timeout(15):
        assert [x.run for x in await broker.take("q")] == ["run_1"]


async def test_one_outage_is_two_lines_in_the_log_without_the_password(any_url, proxy, make):
    broker = make(through(any_url, proxy.port))
    await broker.open()
    with capture_logs() as lines:
        await proxy.cut()
        await until(lambda: not broker._link.up)
        await asyncio.sleep(0.3)
        proxy.mend()
        await until(lambda: any(line["event"] == "broker_back" for line in lines))
    await broker.close()
    assert [line["event"] for line in lines] == ["broker_lost", "broker_back"]
    assert "guest" not in str(lines)


async def test_a_server_that_is_not_there_yet_is_waited_for(any_url, proxy, make):
    await proxy.cut()
    broker = make(through(any_url, proxy.port))
    await broker.open()
    taker = asyncio.ensure_future(broker.take("q"))
    proxy.mend()
    await until(lambda: broker._link.up)
    await broker.put("q", "run_1")
    assert [x.run for x in await within(taker)] == ["run_1"]
    await broker.close()


async def test_a_killed_server_that_comes_back_empty_is_served_again(server, make):
    broker = make(server.url)
    await broker.open()
    async with broker.listen("a.#") as events:
        await broker.put("q", "run_1")
        server.kill()
        await until(lambda: not broker._link.up)
        taker = asyncio.ensure_future(broker.take("q"))
        await server.start()
        await until(lambda: broker._link.up)
        await broker.put("q", "run_2")
        assert next(x.run for x in await within(taker)) in {"run_1", "run_2"}
        await broker.publish(Event("a"))
        assert await within(anext(events)) == Event("a")
    await broker.close()


async def test_a_wrong_password_is_refused_at_once_and_not_shown(rabbitmq_url, make):
    with pytest.raises(SettingsInvalid) as caught:
        await make(rabbitmq_url.replace("guest:guest", "guest:s3cret")).open()
    assert "s3cret" not in str(caught.value)
    assert "FOLKMOOT_BROKER" in str(caught.value)


async def test_what_a_taker_held_that_vanished_comes_back(any_url, proxy, make):
    """It did not close and says nothing any more; its lease, or its connection, is over."""
    lease = {} if any_url.startswith("amqp") else {"lease_s": 2.0}
    vanished = make(through(any_url, proxy.port), **lease)
    await vanished.open()
    await vanished.put("q", "run_1", "high")
    await vanished.put("q", "run_2")
    held = await within(vanished.take("q"))
    held += await within(vanished.take("q"))
    assert [x.run for x in held] == ["run_1", "run_2"]
    await held[1].ack()
    await asyncio.sleep(0.2)
    await proxy.cut()
    other = make(any_url, **lease)
    await other.open()
    (found,) = await within(other.take("q", 10))
    assert (found.run, found.priority) == ("run_1", "high")
    await other.close()
    await vanished.close()


async def test_a_living_taker_keeps_what_it_holds(any_url, make):
    """However long it needs, its lease is kept. NATS has no such thing; there it is the longer lease."""
    lease = {"lease_s": 2.0} if any_url.startswith(("redis", "postgres")) else {}
    holder, other = make(any_url, **lease), make(any_url, **lease)
    await holder.open()
    await other.open()
    await holder.put("q", "run_1")
    await within(holder.take("q"))
    taker = asyncio.ensure_future(other.take("q"))
    done, _ = await asyncio.wait([taker], timeout=3.5)
    assert not done
    taker.cancel()
    await other.close()
    await holder.close()
