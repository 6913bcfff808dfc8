"""A worker that stands still past its lease (SIGSTOP) and then goes on: it writes nothing any more."""

import asyncio

import pytest

from folkmoot.core.entries import ToolDoubted
from folkmoot.core.task import Task
from folkmoot.testing.fleet.agents import WORKS
from folkmoot.testing.fleet.load import Load
from folkmoot.testing.fleet.plugin import Ask

pytestmark = [pytest.mark.server, pytest.mark.slow]

HELD = ("post", "post", "post", "keep", "keep", "note", "look", "model", "model")
HOLD_S = 2.0
LOAD_S = 8.0


@pytest.mark.timeout(180)
async def test_a_worker_stopped_past_its_lease_loses_its_runs_and_writes_no_more(
    fleet, postgres, redis, judged, until
):
    async with fleet(postgres.url, redis.url) as moot, moot.desk() as desk:
        load = Load(moot.members)
        (old,) = await moot.add("worker")
        for nr, held in enumerate(HELD):
            ask = Ask(key=f"t-{nr}", hold=held, hold_s=HOLD_S)
            task = Task(agent=WORKS, input=ask.text(), key=ask.key)
            load.taken[ask.key] = (await desk.submit(task)).run.id
        held = set(enumerate(HELD))
        await until(
            lambda: (
                held <= {(int(x.key[2:]), x.name) for x in moot.witness.read() if x.what == "begin"}
            )
        )
        old.stop()
        (new,) = await moot.add("worker")
        await moot.until_done(30, load)
        old.go_on()
        await until(lambda: old.log.count("lease_lost") == len(HELD))
        found = await judged(moot, load)
        doubted = {
            key
            for key, run in load.taken.items()
            for entry in await desk.journal(run)
            if isinstance(entry.read(), ToolDoubted)
        }
    assert doubted == {f"t-{nr}" for nr, held in enumerate(HELD) if held == "post"}
    assert found.in_doubt == HELD.count("post")
    assert "lease_lost" not in new.log


@pytest.mark.timeout(180)
async def test_a_leader_stopped_past_its_lease_leads_no_more_when_it_goes_on(
    fleet, postgres, redis, judged
):
    async with fleet(postgres.url, redis.url) as moot:
        await moot.add("api", "worker", "coordinator", "coordinator")
        load = Load(moot.members)
        loading = asyncio.create_task(load.run(LOAD_S))
        first = await leader(moot)
        old = next(member for member in moot.members if f"-{member.pid}-" in first.holder)
        old.stop()
        await asyncio.sleep(LOAD_S / 2)
        second = await leader(moot)
        old.go_on()
        await loading
        await judged(moot, load)
    assert second.holder != first.holder
    assert second.fence > first.fence


async def leader(moot):
    """Wait until somebody leads; return the lease."""
    store = moot.store()
    await store.open()
    try:
        async with asyncio.timeout(20):
            while not (lease := await store.lease("coordinator")).left_ms:  # noqa: ASYNC110 - asked
                await asyncio.sleep(0.05)
        return lease
    finally:
        await store.close()
