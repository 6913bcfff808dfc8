"""Processes whose wall clocks are wrong, and jump: they steal nothing, lose nothing, wake nobody early."""

import asyncio
import time

import pytest

from folkmoot.core.entries import ApprovalExpired, Resumed
from folkmoot.testing.fleet.agents import LAPSES, PATIENT
from folkmoot.testing.fleet.load import Load
from folkmoot.testing.fleet.plugin import Ask
from folkmoot.testing.fleet.shifted import Shift

pytestmark = [pytest.mark.server, pytest.mark.slow]

HOUR_S = 3600
LOAD_S = 8.0
LAPSE_S = 2.0


class Watch:
    """Who watches the fleet with a right clock."""

    def __init__(self, moot, load):
        self.moot, self.load = moot, load
        self.began = time.time() * 1000

    async def patient(self, client, tasks):
        """Tasks whose approval lasts half an hour: none of them may be called off."""
        for nr in range(tasks):
            key = f"patient-{nr}"
            await self.load.submit(client, PATIENT, Ask(key=key))
            self.load.waits.add(key)

    async def journals(self):
        async with self.moot.desk() as desk:
            return {run: await desk.journal(run) for run in self.load.taken.values()}

    def check(self, found, journals):
        bodies = [entry.read() for journal in journals.values() for entry in journal]
        assert not [body for body in bodies if isinstance(body, Resumed)], "runs were stolen"
        assert found.again == 0
        times = [entry.at for journal in journals.values() for entry in journal]
        assert self.began - 2000 < min(times) <= max(times) < time.time() * 1000 + 2000
        assert not [m.name for m in self.moot.members if "lease_lost" in m.log]

    def lapses(self, journals):
        """Return how long approvals lasted that nobody gave, in seconds."""
        return [
            (entry.at - next(x.at for x in journal if x.kind == "gate.asked")) / 1000
            for journal in journals.values()
            if journal[0].read().task.agent == LAPSES
            for entry in journal
            if isinstance(entry.read(), ApprovalExpired)
        ]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("jumps", [False, True], ids=["wrong", "jumping"])
async def test_wrong_clocks_steal_nothing_and_lose_nothing(fleet, postgres, redis, judged, jumps):
    """One process an hour ahead, one an hour behind; then they change places under load."""
    async with fleet(postgres.url, redis.url) as moot:
        shifts = [Shift(moot.folder / name) for name in ("ahead", "behind")]
        await moot.add("up")
        for sign, shift in zip((1, -1), shifts, strict=True):
            shift.set(0 if jumps else sign * HOUR_S)
            await moot.add("up", launch=shift.launch())
        load = Load(moot.members)
        watch = Watch(moot, load)
        async with load.client() as client:
            await watch.patient(client, 4)
            loading = asyncio.create_task(load.run(LOAD_S))
            for sign in (1, -1, 1):
                await asyncio.sleep(LOAD_S / 4)
                for side, shift in zip((1, -1), shifts, strict=True):
                    shift.set(sign * side * HOUR_S if jumps else side * HOUR_S)
            await loading
        found = await judged(moot, load)
        journals = await watch.journals()
    watch.check(found, journals)
    lapses = watch.lapses(journals)
    assert lapses
    assert LAPSE_S - 0.1 < min(lapses) <= max(lapses) < LAPSE_S + 8
