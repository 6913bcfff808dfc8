"""What every store owes (ports/store.py), as tests that are written against the port alone.

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def store(self, tmp_path):
            store = MyStore(tmp_path)
            await store.open()
            yield store
            await store.close()

`store` is open and empty. A store with the capability `durable` overrides `reopen`, too, one with
`shared` overrides `second`; a store whose clock can be moved overrides `elapse`. The tests are async:
run them with pytest-asyncio in its auto mode. A closed store may be closed again by the fixture.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import pytest

from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.births import Births
from folkmoot.testing.contracts.store.claims import Claims
from folkmoot.testing.contracts.store.crowds import Crowds
from folkmoot.testing.contracts.store.interleaving import Interleavings
from folkmoot.testing.contracts.store.journals import Journals
from folkmoot.testing.contracts.store.lanes import Lanes, SharedLanes
from folkmoot.testing.contracts.store.leases import Leases
from folkmoot.testing.contracts.store.money import Money
from folkmoot.testing.contracts.store.moves import Moves
from folkmoot.testing.contracts.store.post import Post
from folkmoot.testing.contracts.store.pruning import Pruning
from folkmoot.testing.contracts.store.queueing import Queueing
from folkmoot.testing.contracts.store.reading import Reading
from folkmoot.testing.contracts.store.records import Records
from folkmoot.testing.contracts.store.sharing import Durable, Shared
from folkmoot.testing.contracts.store.signals import Signals
from folkmoot.testing.contracts.store.standing import Standings
from folkmoot.testing.contracts.store.workers import Workers

__all__ = ["StoreContract", "lacking"]


class StoreContract(
    Births,
    Journals,
    Claims,
    Moves,
    Signals,
    Workers,
    Standings,
    Money,
    Post,
    Pruning,
    Reading,
    Leases,
    Lanes,
    Queueing,
    Records,
    Crowds,
    Interleavings,
    Durable,
    Shared,
    SharedLanes,
):
    """All of it. Override the fixtures."""

    @pytest.fixture
    async def store(self) -> Store:
        """Return an open, empty store."""
        raise NotImplementedError("Override the fixture `store`.")

    @pytest.fixture
    async def reopen(self, store: Store) -> Callable[[], Awaitable[Store]]:
        """Return a function that closes the store and returns it opened anew (`durable`)."""
        lacking(store, "durable", "reopen")

    @pytest.fixture
    async def second(self, store: Store) -> Store:
        """Return another open handle on the same data, as another process has it (`shared`)."""
        lacking(store, "shared", "second")

    @pytest.fixture
    def elapse(self) -> Callable[[int], Awaitable[None]]:
        """Return a function that lets the store's clock go on by some ms; here by really waiting."""
        return lambda ms: asyncio.sleep(ms / 1000)


def lacking(store: Store, capability: str, fixture: str) -> NoReturn:
    """Skip what a store does not claim to do; fail when it claims it and does not show it."""
    if capability in store.capabilities:
        pytest.fail(f"The store is {capability}: override the fixture {fixture!r}.")
    pytest.skip(f"The store is not {capability}.")
