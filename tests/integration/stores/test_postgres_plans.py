"""How PostgreSQL finds the few runs that are at work, with the settings of the session that writes."""

import asyncpg
import pytest

from folkmoot.stores import queries
from folkmoot.stores.postgres.address import WRITING
from folkmoot.stores.postgres.migrate import upgrade

pytestmark = pytest.mark.server


async def test_a_rescue_looks_for_lost_runs_among_those_that_run_and_not_among_all(empty_database):
    await upgrade(empty_database)  # one of its own: what other tests leave behind has statistics
    db = await asyncpg.connect(empty_database, server_settings=WRITING)
    text = queries.load("postgres")["rescue"].replace("$1", "1").replace("$2", "1")
    plan = "\n".join(row[0] for row in await db.fetch(f"EXPLAIN {text}"))
    await db.close()
    assert "using runs_held on" in plan
    assert "Seq Scan" not in plan
