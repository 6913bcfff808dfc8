"""Throwaway databases on the PostgreSQL that is there; FOLKMOOT_TEST_POSTGRES says where."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest

from folkmoot.stores.postgres.migrate import upgrade
from folkmoot.stores.postgres.store import PostgresStore

SERVER = os.environ.get("FOLKMOOT_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
TABLES = [
    "runs",
    "tallies",
    "entries",
    "blobs",
    "inbox",
    "signals",
    "spends",
    "outbox",
    "workers",
    "writers",
    "leases",
    "records",
]


def missing(reason: str) -> None:
    """A laptop may lack the server; the build may not."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


async def on_server(*statements: str, url: str = SERVER) -> None:
    try:
        db = await asyncpg.connect(url, timeout=5, server_settings={"search_path": "folkmoot"})
    except (OSError, asyncpg.PostgresError, TimeoutError) as fault:
        missing(f"no PostgreSQL at {url}: {fault}")
    for statement in statements:
        await db.execute(statement)
    await db.close()


def fresh() -> str:
    """Make a database; return its URL."""
    name = f"folkmoot_test_{secrets.token_hex(6)}"
    asyncio.run(on_server(f'CREATE DATABASE "{name}"'))
    return SERVER.rsplit("/", 1)[0] + f"/{name}"


def drop(url: str) -> None:
    name = url.rsplit("/", 1)[1]
    asyncio.run(on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@pytest.fixture
def empty_database() -> Iterator[str]:
    """Return the URL of a new database without a schema."""
    url = fresh()
    yield url
    drop(url)


@pytest.fixture(scope="session")
def shared_database() -> Iterator[str]:
    """Return the URL of a database with the newest schema; making one takes a second."""
    url = fresh()
    asyncio.run(upgrade(url))
    yield url
    drop(url)


@pytest.fixture
async def database(shared_database: str) -> str:
    """Return the URL of a database with the newest schema and no rows."""
    await on_server(*(f"DELETE FROM {table}" for table in TABLES), url=shared_database)
    return shared_database


@pytest.fixture
async def make(database: str) -> AsyncIterator[Callable]:
    """Return a function that opens a store on the database; all are closed at the end."""
    opened = []

    async def make(**options):
        store = PostgresStore(database, **options)
        await store.open()
        opened.append(store)
        return store

    yield make
    for store in opened:
        await store.close()
