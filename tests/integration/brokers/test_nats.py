"""NATS under the broker contract."""

import pytest

from folkmoot.brokers.nats.broker import connect
from folkmoot.testing.contracts.broker import BrokerContract

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
