import pytest

from folkmoot.stores.memory import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.contracts.store import StoreContract


@pytest.fixture
def clock():
    return FakeClock()


class TestMemoryStore(StoreContract):
    @pytest.fixture
    async def store(self, clock):
        store = MemoryStore(clock)
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    def elapse(self, clock):
        async def elapse(ms):
            clock.advance(ms / 1000)

        return elapse
