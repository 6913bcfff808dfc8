"""What a long queue, and a long past, cost PostgreSQL: only the runs that are spoken of are touched."""

import asyncpg
import pytest

from folkmoot.core import changes as c
from folkmoot.stores.postgres.address import WRITING
from folkmoot.stores.postgres.migrate import upgrade
from folkmoot.stores.postgres.store import PostgresStore
from folkmoot.testing.contracts.store.samples import NOW, birth

pytestmark = pytest.mark.server
QUEUE = [f"r{n:05}" for n in range(400)]


async def written(url: str, *changes: c.Change) -> None:
    """Write a set; the session has told its statistics when this returns."""
    store = PostgresStore(url)
    await store.open()
    await store.write(*changes)
    await store.close()


async def asked(url: str, statement: str, *args: object) -> list[tuple]:
    """Ask as the writer does."""
    db = await asyncpg.connect(url, server_settings=WRITING)
    try:
        return [tuple(row) for row in await db.fetch(statement, *args)]
    finally:
        await db.close()


@pytest.fixture
async def queue(empty_database: str) -> str:
    """Return the URL of a database with a long queue."""
    await upgrade(empty_database)
    await written(empty_database, *map(birth, QUEUE))
    return empty_database


async def test_announcing_does_not_read_the_queue(queue):
    reads = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'runs_queue'"
    before = await asked(queue, reads)
    await written(queue, c.Announced(runs=tuple(QUEUE[::2]), at=NOW))
    assert await asked(queue, reads) == before
    counted = "SELECT count(*) FROM runs WHERE announced_at = $1"
    assert await asked(queue, counted, NOW) == [(200,)]


async def test_a_run_that_is_announced_stays_in_its_page(queue):
    pages = "SELECT id, split_part(ctid::text, ',', 1) FROM runs ORDER BY id"
    before = await asked(queue, pages)
    await written(queue, c.Announced(runs=tuple(QUEUE[::2]), at=NOW))
    assert await asked(queue, pages) == before
