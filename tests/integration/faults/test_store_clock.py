"""The store's own clock is set ahead and back under load: nobody's runs are stolen, the dead are found."""

import asyncio

import asyncpg
import pytest

from folkmoot.core.entries import Resumed
from folkmoot.testing.fleet.agents import WORKS
from folkmoot.testing.fleet.load import Load
from folkmoot.testing.fleet.plugin import Ask

pytestmark = [pytest.mark.server, pytest.mark.slow]

HOUR_MS = 3_600_000
LOAD_S = 10.0
HELD = 5


class Clock:
    """PostgreSQL's clock as the store asks for it; to be set while a fleet goes by it."""

    def __init__(self, db):
        self._db = db

    async def set(self, ahead_ms):
        await self._db.execute(
            "CREATE OR REPLACE FUNCTION folkmoot.now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE AS "
            f"'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint + {ahead_ms}'"
        )


@pytest.fixture
async def clock(postgres):
    db = await asyncpg.connect(postgres.url)
    yield Clock(db)
    await db.close()


async def journals(moot, load):
    async with moot.desk() as desk:
        return [await desk.journal(run) for run in load.taken.values()]


def resumed(found):
    return [
        body for journal in found for entry in journal if isinstance(body := entry.read(), Resumed)
    ]


@pytest.mark.timeout(180)
async def test_a_store_whose_clock_leaps_ahead_steals_nothing(
    fleet, postgres, redis, judged, clock
):
    """As when the database's host was asleep, again and again."""
    async with fleet(postgres.url, redis.url) as moot:
        for _ in range(2):
            await moot.add("up")
        load = Load(moot.members)
        loading = asyncio.create_task(load.run(LOAD_S))
        for hours in (1, 2, 3, 4):
            await asyncio.sleep(LOAD_S / 5)
            await clock.set(hours * HOUR_MS)
        await loading
        found = await judged(moot, load)
        assert not resumed(await journals(moot, load)), "runs were stolen"
    assert found.again == 0
    assert not [m.name for m in moot.members if "lease_lost" in m.log]


@pytest.mark.timeout(180)
async def test_who_dies_when_the_stores_clock_is_set_back_is_found(
    fleet, postgres, redis, until, clock
):
    """Leader and worker in one: neither its lease nor its heartbeat lasts an hour."""
    async with fleet(postgres.url, redis.url) as moot:
        await clock.set(HOUR_MS)
        (leader,) = await moot.add("up")
        load = Load(moot.members)
        async with load.client() as client:
            for nr in range(HELD):
                await load.submit(client, WORKS, Ask(key=f"t-{nr}", hold="post", hold_s=2.0))
        await until(lambda: sum(x.name == "post" for x in moot.witness.read()) >= HELD)
        await clock.set(0)
        leader.kill()
        await moot.add("up")
        await moot.until_done(90, load)
        await moot.end()
        found = await moot.judge(load)
        assert len(resumed(await journals(moot, load))) == HELD
    # The check goes by the clock, and by the clock these calls began an hour after they were given up.
    assert [flaw.kind for flaw in found.flaws] == ["repeated"] * HELD
    assert (found.moved, found.in_doubt) == (HELD, HELD)
