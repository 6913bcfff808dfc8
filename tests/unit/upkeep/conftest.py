"""A store, a clock, schedules in it, and schedulers that may believe what they like."""

import pytest

from folkmoot.calendars.calendar import SlotCalendar
from folkmoot.core.changes import Acquire
from folkmoot.core.schedule import Schedule
from folkmoot.flow.intake import Intake
from folkmoot.flow.kit import Kits
from folkmoot.flow.timetable import FlowTimetable
from folkmoot.ports.model import Answer
from folkmoot.ports.store import Query
from folkmoot.testing.harness import Harness, agent
from folkmoot.upkeep.leader import LEASE
from folkmoot.upkeep.scheduler import Scheduler

MINUTE = 60_000


class Leading:
    """Believes to lead under a fence, whether that is so or not."""

    def __init__(self, fence=1):
        self.fence = fence


class Moot:
    """Intake, timetable and schedulers over one store, and no worker."""

    def __init__(self, harness):
        self.harness = harness
        self.store, self.clock = harness.store, harness.clock
        self.calendar = SlotCalendar()
        self.parts = harness._parts()
        self.intake = Intake(self.parts, Kits(self.parts))
        self.timetable = FlowTimetable(
            self.store, self.clock, self.calendar, self.parts.catalog.get, self.intake.submit
        )

    def scheduler(self, fence=1, *, store=None, submit=None):
        return Scheduler(
            store or self.store,
            Leading(fence),
            self.clock,
            self.calendar,
            submit or self.intake.submit,
        )

    async def lead(self, holder="one", ttl_ms=10**9):
        return (await self.store.write(Acquire(name=LEASE, holder=holder, ttl_ms=ttl_ms)))[0]

    async def schedule(self, name="s", **fields):
        given = {"agent": "tester", "input": "Work.", "every_s": 60, "overlap": "allow"}
        return await self.timetable.add(Schedule(name=name, **given | fields))

    async def runs(self):
        return list(reversed(await self.store.runs(Query(limit=1000))))

    async def slots(self):
        return [run.labels["slot"] for run in await self.runs()]


@pytest.fixture
async def moot():
    harness = Harness(agent(), replies=lambda _: Answer(text="Done."))
    await harness.store.open()
    made = Moot(harness)
    await made.lead()
    yield made
    await harness.store.close()
