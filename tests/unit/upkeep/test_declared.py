"""The records are kept as the agent files declare them, and what people made is left alone."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from folkmoot.core.changes import PutRecord
from folkmoot.core.schedule import KIND, Schedule
from folkmoot.upkeep.declared import Declared, Wanted


def schedule(name, **fields):
    given = {"agent": "tester", "input": "Work.", "every_s": 60, "source": "file"}
    return Schedule(name=name, **given | fields)


class Files:
    """What the agent files declare, as a test changes it."""

    def __init__(self, moot, fence=1):
        self.moot = moot
        self.names, self.whole, self.reports = {}, True, []
        self.leader = moot.scheduler(fence)._leader
        self.duty = Declared(
            moot.store,
            self.leader,
            moot.clock,
            moot.calendar,
            lambda: Wanted(dict(self.names), self.whole),
            report=lambda *report: self.reports.append(report),
        )

    def declare(self, *schedules):
        self.names = {one.name: one for one in schedules}

    async def there(self):
        return [kept.schedule.name for kept in await self.moot.timetable.all()]


@pytest.fixture
def files(moot):
    return Files(moot)


async def test_schedules_come_and_go_with_the_files(files, moot):
    files.declare(schedule("a"), schedule("b"))
    assert await files.duty.once() == 2
    assert await files.duty.once() == 0
    assert await files.there() == ["a", "b"]
    files.declare(schedule("b"), schedule("c"))
    assert await files.duty.once() == 2
    assert await files.there() == ["b", "c"]
    files.declare()
    await files.duty.once()
    assert await files.there() == []


async def test_a_change_keeps_what_happened(files, moot):
    files.declare(schedule("a"))
    await files.duty.once()
    moot.clock.advance(60)
    await moot.scheduler().once()
    before = await moot.timetable.get("a")
    files.declare(schedule("a", input="Other."))
    assert await files.duty.once() == 1
    after = await moot.timetable.get("a")
    assert after.schedule.input == "Other."
    assert (after.fired, after.next_slot) == (1, before.next_slot)
    files.declare(schedule("a", every_s=3600))
    await files.duty.once()
    assert (await moot.timetable.get("a")).next_slot % 3_600_000 == 0


async def test_nothing_is_removed_while_a_file_is_broken(files):
    files.declare(schedule("a"), schedule("b"))
    await files.duty.once()
    files.whole = False
    files.declare(schedule("b", every_s=5), schedule("c"))
    await files.duty.once()
    assert await files.there() == ["a", "b", "c"]
    files.whole = True
    await files.duty.once()
    assert await files.there() == ["b", "c"]


async def test_what_the_api_made_is_left_alone_and_the_conflict_told(files, moot):
    await moot.schedule("mine")
    files.declare(schedule("mine", every_s=5), schedule("a"))
    assert await files.duty.once() == 1
    assert (await moot.timetable.get("mine")).schedule.every_s == 60
    [(event, name, fault)] = files.reports
    assert (event, name, fault.code) == ("schedule_conflict", "mine", "SCHEDULE_CONFLICT")
    files.declare()
    await files.duty.once()
    assert await files.there() == ["mine"]


async def test_paused_by_hand_stays_paused_over_a_reload(files, moot):
    files.declare(schedule("a"))
    await files.duty.once()
    await moot.timetable.pause("a")
    files.declare(schedule("a", input="Other."))
    await files.duty.once()
    assert (await moot.timetable.get("a")).paused


async def test_a_leader_of_yesterday_changes_nothing(files, moot):
    files.declare(schedule("a"))
    await files.duty.once()
    old = Files(moot, fence=1)
    moot.clock.advance(10**6 + 1)
    await moot.lead("two")
    assert await old.duty.once() == 0
    assert await files.there() == ["a"]
    new = Files(moot, fence=2)
    new.declare(schedule("a"), schedule("b"))
    assert await new.duty.once() == 1


async def test_who_does_not_lead_reads_nothing(files, moot):
    files.leader.fence = 0
    files.declare(schedule("a"))
    await moot.store.close()
    assert await files.duty.once() == 0


async def test_a_clock_that_ran_ahead_is_set_right_and_nothing_fires_twice(files, moot):
    files.declare(schedule("a", overlap="allow"))
    await files.duty.once()
    hour = 3600 * 10**9
    moot.clock._passed += hour
    await moot.scheduler().once()
    [ahead] = await moot.slots()
    moot.clock._passed -= hour
    moot.clock.advance(60)
    assert await moot.scheduler().once() == 0, "the next slot lies in the future"
    moot.clock.advance(300)
    await files.duty.once()
    assert [report[0] for report in files.reports] == ["schedule_clock_stepped"]
    for _ in range(70):
        moot.clock.advance(60)
        await moot.scheduler().once()
    slots = await moot.slots()
    assert len(slots) == len(set(slots))
    assert slots.count(ahead) == 1
    kept = await moot.timetable.get("a")
    times = sorted(slots)
    assert all(before < later for before, later in pairwise(times))
    assert kept.fired == len(slots) >= 70


async def test_the_same_again_is_no_change(files, moot):
    files.declare(schedule("a"))
    await files.duty.once()
    one = await moot.store.record("schedule", "a")
    again = Files(moot)
    again.declare(replace(schedule("a")))
    assert await again.duty.once() == 0
    assert (await moot.store.record("schedule", "a")).version == one.version


async def test_a_record_that_cannot_be_read_is_told_and_stops_no_other(files, moot):
    await moot.store.write(PutRecord(kind=KIND, key="a", body=b"nonsense"))
    files.declare(schedule("a"), schedule("b"))
    assert await files.duty.once() == 1
    assert [report[:2] for report in files.reports] == [("schedule_unreadable", "a")]
    assert (await moot.timetable.get("b")).schedule.name == "b"
