"""RabbitMQ under the broker contract."""

import pytest

from folkmoot.brokers.rabbitmq.broker import connect
from folkmoot.testing.contracts.broker import BrokerContract

pytestmark = pytest.mark.server


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
