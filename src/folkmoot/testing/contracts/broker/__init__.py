"""What every broker owes (ports/broker.py), as tests that are written against the port alone.

    class TestMyBroker(BrokerContract):
        @pytest.fixture
        async def broker(self, server):
            broker = MyBroker(server)
            await broker.open()
            yield broker
            await broker.close()

`broker` is open and empty: on a shared server, give each test a name space of its own. A broker with
the capability `shared` overrides `second`, too. Capabilities that the suite knows:

    ordered      runs of one priority are taken in the order in which they were put
    shared       several processes carry to each other
    redelivers   what a taker neither acked nor nacked comes back when its connection is gone

The tests are async: run them with pytest-asyncio in its auto mode.
"""

import pytest

from folkmoot.ports.broker import Broker
from folkmoot.testing.contracts.broker.ending import Ending
from folkmoot.testing.contracts.broker.queues import Queues
from folkmoot.testing.contracts.broker.sharing import Sharing
from folkmoot.testing.contracts.broker.topics import Topics

__all__ = ["BrokerContract"]


class BrokerContract(Queues, Topics, Ending, Sharing):
    """All of it. Override the fixtures."""

    @pytest.fixture
    async def broker(self) -> Broker:
        """Return an open, empty broker."""
        raise NotImplementedError("Override the fixture `broker`.")

    @pytest.fixture
    async def second(self, broker: Broker) -> Broker:
        """Return another open handle on the same broker, as another process has it (`shared`)."""
        if "shared" in broker.capabilities:
            pytest.fail("The broker is shared: override the fixture 'second'.")
        pytest.skip("The broker is not shared.")
