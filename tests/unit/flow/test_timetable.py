"""Schedules as people ask for them, while a scheduler writes the same records."""

import pytest
from msgspec.structs import replace

from folkmoot.calendars.calendar import SlotCalendar
from folkmoot.core.changes import PutRecord
from folkmoot.core.errors import AgentUnknown, KeyReused, Outdated, QueueFull
from folkmoot.core.schedule import Schedule, put
from folkmoot.flow.intake import Intake
from folkmoot.flow.kit import Kits
from folkmoot.flow.timetable import FlowTimetable
from folkmoot.ports.model import Answer
from folkmoot.ports.store import Query
from folkmoot.testing.harness import Harness, agent

HOURLY = Schedule(name="s", agent="tester", input="Work.", every_s=3600)


class Beaten:
    """A store in which somebody else changes the schedule before each of the first `times` writes."""

    def __init__(self, store, times):
        self._store, self.times = store, times

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def write(self, *changes):
        if self.times:
            self.times -= 1
            there = await self._store.record("schedule", "s")
            again = PutRecord(kind="schedule", key="s", body=there.body, due=there.due)
            await self._store.write(again)
        return await self._store.write(*changes)


@pytest.fixture
async def harness():
    harness = Harness(agent(), replies=lambda _: Answer(text="Done."))
    await harness.store.open()
    yield harness
    await harness.store.close()


@pytest.fixture
def over(harness):
    def make(store=None, submit=None):
        parts = harness._parts()
        parts.store = store or harness.store
        intake = Intake(parts, Kits(parts))
        return FlowTimetable(
            parts.store, harness.clock, SlotCalendar(), parts.catalog.get, submit or intake.submit
        )

    return make


async def test_who_is_beaten_reads_again(over, harness):
    await over().add(HOURLY)
    timetable = over(Beaten(harness.store, 3))
    assert (await timetable.pause("s")).paused
    timetable = over(Beaten(harness.store, 3))
    submitted = await timetable.trigger("s", "k")
    kept = await timetable.get("s")
    assert (kept.paused, kept.triggered, kept.open) == (True, 1, (submitted.run.id,))
    assert len(await harness.store.runs(Query())) == 1


async def test_who_drops_what_has_changed_is_told(over, harness):
    await over().add(HOURLY)
    with pytest.raises(Outdated):
        await over(Beaten(harness.store, 1)).drop("s")


async def test_the_same_again_writes_nothing(over, harness):
    await over().put(HOURLY)
    version = (await harness.store.record("schedule", "s")).version
    await over().put(replace(HOURLY))
    assert (await harness.store.record("schedule", "s")).version == version


async def test_a_refused_run_leaves_no_trace(over):
    async def submit(task, beside):
        raise QueueFull("Full.")

    timetable = over(submit=submit)
    await timetable.add(HOURLY)
    with pytest.raises(QueueFull):
        await timetable.trigger("s")
    assert (await timetable.get("s")).triggered == 0


async def test_a_key_of_another_task_is_refused(over):
    timetable = over()
    await timetable.add(HOURLY)
    await timetable.trigger("s", "k")
    await timetable.put(replace(HOURLY, input="Other."))
    with pytest.raises(KeyReused):
        await timetable.trigger("s", "k")


async def test_without_a_key_each_is_a_run(over):
    timetable = over()
    await timetable.add(HOURLY)
    one, two = await timetable.trigger("s"), await timetable.trigger("s")
    assert one.run.id != two.run.id


async def test_an_agent_that_is_not_there_is_told_at_once(over):
    with pytest.raises(AgentUnknown):
        await over().add(replace(HOURLY, agent="nobody"))


async def test_a_schedule_is_due_when_it_should_be(over, harness):
    kept = await over().add(replace(HOURLY, jitter_s=60.0))
    record = await harness.store.record("schedule", "s")
    assert kept.next_slot <= record.due <= kept.next_slot + 60_000
    await over().pause("s")
    assert (await harness.store.record("schedule", "s")).due == 0
    assert put(kept, harness.clock.now(), 1).due == record.due
