"""PostgreSQL under the broker contract."""

import pytest

from folkmoot.brokers.postgres.broker import connect
from folkmoot.testing.contracts.broker import BrokerContract

pytestmark = pytest.mark.server


class TestPostgresBroker(BrokerContract):
    @pytest.fixture
    async def broker(self, postgres_url):
        broker = connect(postgres_url)
        await broker.open()
        yield broker
        await broker.close()

    @pytest.fixture
    async def second(self, broker, postgres_url):
        second = connect(postgres_url)
        await second.open()
        yield second
        await second.close()
