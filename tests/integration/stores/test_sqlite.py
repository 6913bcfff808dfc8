"""SQLite under the store contract: a real file, a real writer thread."""

import pytest

from folkmoot.stores.sqlite.store import SqliteStore
from folkmoot.testing.contracts.store import StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "folkmoot.db"

    @pytest.fixture
    async def store(self, path):
        store = SqliteStore(path)
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def reopen(self, store, path):
        opened = []

        async def reopen():
            await store.close()
            again = SqliteStore(path)
            await again.open()
            opened.append(again)
            return again

        yield reopen
        for again in opened:
            await again.close()

    @pytest.fixture
    async def second(self, store, path):
        second = SqliteStore(path)
        await second.open()
        yield second
        await second.close()
