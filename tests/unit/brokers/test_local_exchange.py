import asyncio

import pytest

from folkmoot.brokers.localexchange import LocalExchange
from folkmoot.core.errors import BrokerFault
from folkmoot.testing.contracts.exchange import ExchangeContract
from folkmoot.testing.contracts.exchange.hands import event


@pytest.fixture
async def exchange():
    exchange = LocalExchange()
    await exchange.open()
    yield exchange
    await exchange.close()


class TestLocalExchange(ExchangeContract):
    @pytest.fixture
    async def exchange(self, exchange):
        return exchange


async def test_an_event_is_emitted_when_everybody_has_kept_it(exchange):
    await exchange.subscribe("one", ["a"])
    await exchange.subscribe("two", ["a"])
    emitting = asyncio.ensure_future(exchange.emit(event("a")))
    first, second = [*await exchange.receive(1), *await exchange.receive(1)]
    await first.ack()
    await asyncio.sleep(0)
    assert not emitting.done()
    await second.ack()
    await emitting


async def test_an_event_that_nobody_takes_is_refused_and_does_not_stay():
    exchange = LocalExchange(patience_s=0.01)
    await exchange.open()
    await exchange.subscribe("one", ["a"])
    with pytest.raises(BrokerFault):
        await exchange.emit(event("a"))
    waiting = asyncio.ensure_future(exchange.receive(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    await exchange.close()
    assert await waiting == []
