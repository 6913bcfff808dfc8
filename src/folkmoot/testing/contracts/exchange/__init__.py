"""What every exchange owes (ports/exchange.py), as tests that are written against the port alone.

    class TestMyExchange(ExchangeContract):
        @pytest.fixture
        async def exchange(self, server):
            exchange = MyExchange(server)
            await exchange.open()
            yield exchange
            await exchange.close()

`exchange` is open and knows no subscription: on a shared server, give each test a name space of its own.
One with the capability `shared` overrides `second`, too. Capabilities that the suite knows:

    shared         several processes; what is emitted while nobody serves a subscription waits for it

The tests are async: run them with pytest-asyncio in its auto mode.
"""

import pytest

from folkmoot.ports.exchange import Exchange
from folkmoot.testing.contracts.exchange.arrivals import Arrivals
from folkmoot.testing.contracts.exchange.sharing import Sharing
from folkmoot.testing.contracts.exchange.subscriptions import Subscriptions

__all__ = ["ExchangeContract"]


class ExchangeContract(Arrivals, Subscriptions, Sharing):
    """All of it. Override the fixtures."""

    @pytest.fixture
    async def exchange(self) -> Exchange:
        """Return an open exchange without subscriptions."""
        raise NotImplementedError("Override the fixture `exchange`.")

    @pytest.fixture
    async def second(self, exchange: Exchange) -> Exchange:
        """Return another open handle on the same exchange, as another process has it (`shared`)."""
        if "shared" in exchange.capabilities:
            pytest.fail("The exchange is shared: override the fixture 'second'.")
        pytest.skip("The exchange is not shared.")
