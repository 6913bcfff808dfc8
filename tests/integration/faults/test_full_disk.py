"""SQLite on a disk that fills up under load: a clear error, nothing half-written, and on when there is space."""

import asyncio
import os

import httpx
import pytest

from folkmoot.testing.fleet.agents import WORKS
from folkmoot.testing.fleet.disk import NoDisk, SmallDisk
from folkmoot.testing.fleet.load import Load
from folkmoot.testing.fleet.plugin import Ask

pytestmark = pytest.mark.slow

FULL_S = 4.0
SIZE, SPARE = 40_000_000, 24_000_000
"""The log is moved into the file when it is 16 MB long: so much must be free for the load afterwards."""


@pytest.fixture
def disk(tmp_path):
    try:
        with SmallDisk(tmp_path / "disk", SIZE, SPARE) as disk:
            yield disk
    except NoDisk as fault:
        if os.environ.get("CI") == "true":
            pytest.fail(str(fault))
        pytest.skip(str(fault))


@pytest.fixture
async def moot(fleet, disk):
    async with fleet(f"sqlite:///{disk.place}/folkmoot.db") as moot:
        await moot.add("up")
        yield moot


async def refused(client, url, key):
    """Submit until it is refused; return the answer."""
    async with asyncio.timeout(10):
        while True:
            body = {"agent": WORKS, "input": Ask(key=key).text()}
            answer = await client.post(
                f"{url}/v1/runs", json=body, headers={"Idempotency-Key": key}
            )
            if answer.status_code >= httpx.codes.BAD_REQUEST:
                return answer
            key += "-again"


async def until_ready(client, url, *, ready):
    """Wait until the system says that it is (not) ready; return what it says."""
    async with asyncio.timeout(15):
        while True:
            answer = await client.get(f"{url}/health")
            if answer.json()["ready"] is ready:
                return answer.json()
            await asyncio.sleep(0.1)


@pytest.mark.timeout(180)
async def test_a_full_disk_is_told_and_when_there_is_space_everything_goes_on(moot, disk, judged):
    (up,) = moot.members
    load = Load(moot.members)
    async with load.client() as client:
        loading = asyncio.create_task(load.run(FULL_S * 2))
        await asyncio.sleep(FULL_S / 2)
        disk.fill()
        answer = await refused(client, up.url, "late")
        assert (answer.status_code, answer.json()["code"]) == (503, "STORE_FULL")
        assert "is full" in answer.json()["detail"]
        assert "Retry-After" in answer.headers
        health = await until_ready(client, up.url, ready=False)
        parts = {part["name"]: part for part in health["parts"] if not part["ok"]}
        assert any("is full" in part["detail"] for part in parts.values()), health
        disk.free()
        await until_ready(client, up.url, ready=True)
        await loading
    found = await judged(moot, load)
    assert "is full" in up.log
    assert up.starts == 1
    assert found.runs == len(load.taken) > FULL_S
