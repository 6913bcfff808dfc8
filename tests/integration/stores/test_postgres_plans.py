"""How PostgreSQL finds the few runs that are at work, with the settings of the session that writes."""

import asyncpg
import pytest

from folkmoot.stores import queries
from folkmoot.stores.postgres.address import WRITING

pytestmark = pytest.mark.server


async def test_a_rescue_looks_for_lost_runs_among_those_that_run_and_not_among_all(database):
    db = await asyncpg.connect(database, server_settings=WRITING)
    text = queries.load("postgres")["rescue"].replace("$1", "1")
    plan = "\n".join(row[0] for row in await db.fetch(f"EXPLAIN {text}"))
    await db.close()
    assert "runs_held" in plan, plan
    assert "Seq Scan" not in plan
