"""PostgreSQL under the store contract: a real server, a new database for every test."""

import pytest

from folkmoot.testing.contracts.store import StoreContract

pytestmark = pytest.mark.server


class TestPostgresStore(StoreContract):
    @pytest.fixture
    async def store(self, make):
        return await make()

    @pytest.fixture
    async def reopen(self, store, make):
        async def reopen():
            await store.close()
            return await make()

        return reopen

    @pytest.fixture
    async def second(self, store, make):
        return await make()
