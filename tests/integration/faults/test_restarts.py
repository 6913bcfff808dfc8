"""Servers that go away under load and come back, empty or not: every run still ends, once."""

import asyncio
import signal

import pytest

from folkmoot.testing.fleet.load import Load

pytestmark = [pytest.mark.server, pytest.mark.slow]

LOAD_S = 8.0
AWAY_S = 1.0


async def within(load, *faults):
    """Let faults happen while the load goes on."""
    loading = asyncio.create_task(load.run(LOAD_S))
    for fault in faults:
        await asyncio.sleep(LOAD_S / (len(faults) + 1))
        await asyncio.to_thread(fault)
    await loading


async def away(server, how):
    await asyncio.to_thread(server.stop, how)
    await asyncio.sleep(AWAY_S)
    await asyncio.to_thread(server.start)


@pytest.mark.timeout(180)
async def test_postgresql_restarts(fleet, postgres, redis, judged):
    """Both ways: transactions taken back in order, and everything dropped at once."""
    async with fleet(postgres.url, redis.url) as moot:
        await moot.add("up", "worker")
        load = Load(moot.members)
        loading = asyncio.create_task(load.run(LOAD_S))
        for how in (signal.SIGINT, signal.SIGQUIT):
            await asyncio.sleep(LOAD_S / 4)
            await away(postgres, how)
        await loading
        starts = [member.starts for member in moot.members]
        found = await judged(moot, load)
    assert starts == [1, 1], "a restart of the database needs none of ours"
    assert found.runs == len(load.taken) > LOAD_S


@pytest.mark.timeout(180)
async def test_redis_forgets_everything(fleet, postgres, redis, judged):
    """FLUSHALL, twice, under load."""
    async with fleet(postgres.url, redis.url) as moot:
        await moot.add("up", "worker")
        load = Load(moot.members)
        await within(load, redis.flush, redis.flush)
        found = await judged(moot, load)
    assert found.runs == len(load.taken) > LOAD_S


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("broker", "how"),
    [
        ("redis", signal.SIGKILL),
        ("nats", signal.SIGTERM),
        ("nats", signal.SIGKILL),
        ("rabbitmq", signal.SIGTERM),
        ("rabbitmq", signal.SIGKILL),
    ],
    indirect=["broker"],
)
async def test_a_broker_restarts(fleet, postgres, broker, judged, how):
    async with fleet(postgres.url, broker.url) as moot:
        await moot.add("up", "worker")
        load = Load(moot.members)
        loading = asyncio.create_task(load.run(LOAD_S))
        await asyncio.sleep(LOAD_S / 3)
        await away(broker, how)
        await loading
        found = await judged(moot, load)
        starts = [member.starts for member in moot.members]
    assert starts == [1, 1], "a restart of the broker needs none of ours"
    assert found.runs == len(load.taken) > LOAD_S


@pytest.mark.timeout(180)
async def test_the_whole_cluster_is_killed_and_started_again(fleet, postgres, redis, judged):
    """Every process and both servers at once: all runs end."""
    async with fleet(postgres.url, redis.url) as moot:
        await moot.add("api", "coordinator", "worker", "worker")
        load = Load(moot.members)
        loading = asyncio.create_task(load.run(LOAD_S))
        await asyncio.sleep(LOAD_S / 2)
        moot.kill()
        await asyncio.gather(*(asyncio.to_thread(x.kill) for x in (postgres, redis)))
        await asyncio.gather(*(asyncio.to_thread(x.start) for x in (postgres, redis)))
        await moot.restart()
        await loading
        found = await judged(moot, load)
    assert found.moved > 0
    assert found.runs == len(load.taken) > LOAD_S
