"""Redis under the broker contract."""

import pytest

from folkmoot.brokers.redis.broker import connect
from folkmoot.testing.contracts.broker import BrokerContract

pytestmark = pytest.mark.server


class TestRedisBroker(BrokerContract):
    @pytest.fixture
    async def broker(self, redis_url):
        broker = connect(redis_url)
        await broker.open()
        yield broker
        await broker.close()

    @pytest.fixture
    async def second(self, broker, redis_url):
        second = connect(redis_url)
        await second.open()
        yield second
        await second.close()
