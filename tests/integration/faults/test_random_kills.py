"""kill -9 of any process at random, under load, again and again."""

import asyncio
import logging

import pytest

from folkmoot.testing.fleet.load import Load
from folkmoot.testing.fleet.storm import Storm

_log = logging.getLogger("faults")
pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.mark.timeout(400)
async def test_random_kills_lose_nothing_on_postgresql_and_redis(
    fleet, postgres, redis, judged, fault_s
):
    async with fleet(postgres.url, redis.url) as moot:
        await moot.add("api", "api", "coordinator", "coordinator", "worker", "worker")
        load, storm = Load(moot.members), Storm(moot.members)
        await asyncio.gather(load.run(fault_s), storm.run(fault_s))
        _log.info("killed: %s", dict(storm.kills))
        found = await judged(moot, load)
    assert storm.kills.total() > fault_s / 4
    assert found.runs == len(load.taken) > fault_s


@pytest.mark.timeout(400)
async def test_random_kills_lose_nothing_on_one_sqlite_file(fleet, tmp_path, judged, fault_s):
    async with fleet(f"sqlite:///{tmp_path / 'folkmoot.db'}") as moot:
        await moot.add("up", "up", "worker")
        load, storm = Load(moot.members), Storm(moot.members, seed=1)
        await asyncio.gather(load.run(fault_s / 2), storm.run(fault_s / 2))
        _log.info("killed: %s", dict(storm.kills))
        found = await judged(moot, load)
    assert storm.kills.total() > fault_s / 8
    assert found.runs == len(load.taken) > fault_s / 2
