"""A slot becomes one run, however many schedulers there are and whatever breaks."""

import asyncio

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from folkmoot.core.changes import Claim, Move, PutRecord
from folkmoot.core.errors import QueueFull, StoreFault
from folkmoot.core.run import RunState
from folkmoot.core.schedule import KIND
from folkmoot.core.spend import Spend

MINUTE = 60_000


async def end(moot, run):
    """Bring a run to its end."""
    await moot.store.write(Claim(run=run, worker="w", now=moot.clock.now()))
    found = await moot.store.run(run)
    await moot.store.write(
        Move(
            run=run,
            fence=found.fence,
            state=RunState.SUCCEEDED,
            at=moot.clock.now(),
            attempt=1,
            head=found.head,
            head_hash=found.head_hash,
            spend=Spend(),
        )
    )


async def test_a_slot_becomes_a_run_that_says_so(moot):
    kept = await moot.schedule()
    scheduler = moot.scheduler()
    assert await scheduler.once() == 0
    moot.clock.advance(60)
    assert await scheduler.once() == 1
    assert await scheduler.once() == 0
    [run] = await moot.runs()
    slot = moot.calendar.written(kept.next_slot)
    assert (run.agent, run.source) == ("tester", "schedule")
    assert run.labels == {"schedule": "s", "slot": slot}
    after = await moot.timetable.get("s")
    assert (after.fired, after.last_run, after.last_slot) == (1, run.id, kept.next_slot)
    assert after.next_slot == kept.next_slot + MINUTE


async def test_who_does_not_lead_does_nothing(moot):
    await moot.schedule()
    moot.clock.advance(60)
    assert await moot.scheduler(fence=0).once() == 0
    assert await moot.runs() == []


async def test_a_leader_of_yesterday_fires_nothing(moot):
    await moot.schedule()
    moot.clock.advance(10**6)
    assert await moot.lead("two") == 2
    assert await moot.scheduler(fence=1).once() == 0
    assert await moot.runs() == []
    assert await moot.scheduler(fence=2).once() == 1


async def test_two_who_believe_to_lead_fire_each_slot_once(moot):
    await moot.schedule("a", every_s=1)
    await moot.schedule("b", every_s=1)
    one, two = moot.scheduler(), moot.scheduler()
    for _ in range(20):
        moot.clock.advance(1.5)
        await asyncio.gather(one.once(), two.once(), one.once())
    slots = [(run.labels["schedule"], run.labels["slot"]) for run in await moot.runs()]
    assert len(slots) == len(set(slots)) == 60


class Breaking:
    """A store that breaks at the n-th write: before it is done, or after it."""

    def __init__(self, store, at, *, after):
        self._store, self._at, self._after = store, at, after

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def write(self, *changes):
        self._at -= 1
        if self._at == 0 and not self._after:
            raise StoreFault("It broke before.")
        outcome = await self._store.write(*changes)
        if self._at == 0:
            raise StoreFault("It broke after.")
        return outcome


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_whatever_breaks_the_next_leader_goes_on(moot, at, after):
    """A crash before or after any write: the slot's run is there once in the end."""
    await moot.schedule(every_s=1, overlap="allow")
    moot.clock.advance(3)
    breaking = Breaking(moot.store, at, after=after)
    moot.parts.store = breaking
    with pytest.raises(StoreFault):
        await moot.scheduler(store=breaking).once()
    moot.parts.store = moot.store
    moot.clock.advance(1)
    await moot.scheduler().once()
    slots = await moot.slots()
    assert len(slots) == len(set(slots)) == 4
    assert (await moot.timetable.get("s")).fired == 4


async def test_run_and_record_are_one_set(moot):
    written = []

    class Watching:
        def __getattr__(self, name):
            return getattr(moot.store, name)

        async def write(self, *changes):
            written.append({type(change).__name__ for change in changes})
            return await moot.store.write(*changes)

    await moot.schedule()
    moot.clock.advance(60)
    moot.parts.store = Watching()
    assert await moot.scheduler().once() == 1
    assert written == [{"CreateRun", "PutBlob", "Under", "PutRecord"}]


async def test_a_slot_whose_run_is_known_moves_on(moot):
    """The schedule was dropped and made anew within the slot."""
    await moot.schedule()
    moot.clock.advance(60)
    await moot.scheduler().once()
    before = await moot.timetable.get("s")
    await moot.timetable.drop("s")
    for text in ("Work.", "Other."):
        again = msgspec.structs.replace(
            before, fired=0, schedule=msgspec.structs.replace(before.schedule, input=text)
        )
        again = msgspec.structs.replace(again, next_slot=before.last_slot)
        body = msgspec.json.encode(again)
        await moot.store.write(PutRecord(kind=KIND, key="s", body=body, due=1))
        assert await moot.scheduler().once() == 0
        after = await moot.timetable.get("s")
        assert (after.fired, after.last_run, after.error) == (0, before.last_run, "")
        assert after.next_slot == before.next_slot
    assert len(await moot.runs()) == 1


async def test_overlap_skip(moot):
    await moot.schedule(overlap="skip")
    scheduler = moot.scheduler()
    for _ in range(3):
        moot.clock.advance(60)
        await scheduler.once()
    [run] = await moot.runs()
    kept = await moot.timetable.get("s")
    assert (kept.fired, kept.skipped) == (1, 2)
    await end(moot, run.id)
    moot.clock.advance(60)
    assert await scheduler.once() == 1


async def test_overlap_queue(moot):
    await moot.schedule(overlap="queue")
    scheduler = moot.scheduler()
    for _ in range(4):
        moot.clock.advance(60)
        await scheduler.once()
    [run] = await moot.runs()
    kept = await moot.timetable.get("s")
    assert (kept.fired, kept.skipped) == (1, 2)
    assert kept.waiting == kept.last_slot + MINUTE
    await end(moot, run.id)
    moot.clock.advance(3)
    assert await scheduler.once() == 1
    assert (await moot.slots())[1] == moot.calendar.written(kept.waiting)


async def test_missed_while_nobody_led(moot):
    await moot.schedule("once", grace_s=10)
    await moot.schedule("none", grace_s=10, missed="skip")
    moot.clock.advance(3600)
    moot.clock.advance(90 - moot.clock.now() % MINUTE / 1000)
    assert await moot.scheduler().once() == 1
    once, none = await moot.timetable.get("once"), await moot.timetable.get("none")
    assert (once.fired, none.fired) == (1, 0)
    assert once.missed + 1 == none.missed
    assert once.next_slot == none.next_slot > moot.clock.now()


async def test_a_task_that_is_refused_is_shown_and_tried_again(moot):
    await moot.schedule()
    agents = moot.harness._catalog._agents
    gone = agents.pop("tester")
    scheduler = moot.scheduler()
    moot.clock.advance(60)
    assert await scheduler.once() == 0
    kept = await moot.timetable.get("s")
    assert kept.error.startswith("AGENT_NOT_FOUND: ")
    assert (kept.tries, kept.fired) == (1, 0)
    assert await scheduler.once() == 0
    assert (await moot.timetable.get("s")).tries == 1
    agents["tester"] = gone
    moot.clock.advance(6)
    assert await scheduler.once() == 1
    kept = await moot.timetable.get("s")
    assert (kept.error, kept.tries, kept.fired) == ("", 0, 1)


async def test_a_full_queue_loses_no_slot_silently(moot):
    full = True

    async def submit(task, beside):
        if full:
            raise QueueFull("Full.")
        return await moot.intake.submit(task, beside)

    await moot.schedule(grace_s=60)
    scheduler = moot.scheduler(submit=submit)
    for _ in range(100):
        moot.clock.advance(10)
        await scheduler.once()
    kept = await moot.timetable.get("s")
    assert kept.error == "QUEUE_FULL: Full."
    assert kept.tries < 12
    full = False
    moot.clock.advance(300)
    assert await scheduler.once() >= 1
    kept = await moot.timetable.get("s")
    assert kept.error == ""
    assert kept.fired + kept.missed == (kept.next_slot - kept.created_at) // MINUTE


async def test_a_record_that_cannot_be_read_stops_no_other(moot):
    await moot.store.write(PutRecord(kind=KIND, key="bad", body=b"nonsense", due=1))
    await moot.schedule()
    moot.clock.advance(60)
    with pytest.raises(msgspec.DecodeError):
        await moot.scheduler().once()
    assert len(await moot.runs()) == 1


async def test_a_clock_that_goes_back_fires_nothing_again(moot):
    await moot.schedule()
    moot.clock.advance(600)
    scheduler = moot.scheduler()
    await scheduler.once()
    count = len(await moot.runs())
    moot.clock._passed -= 300 * 10**9
    for _ in range(4):
        moot.clock.advance(60)
        assert await scheduler.once() == 0
    assert len(await moot.runs()) == count


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    acts=st.lists(
        st.sampled_from(["one", "two", "old", "tick", "tick", "pause", "resume", "trigger", "put"]),
        min_size=5,
        max_size=40,
    ),
    overlap=st.sampled_from(["skip", "queue", "allow"]),
)
async def test_in_any_order_of_acts_no_slot_has_two_runs(moot, acts, overlap):
    name = f"s{moot.clock.entropy(6).hex()}"
    await moot.schedule(name, every_s=7, overlap=overlap)
    schedulers = {"one": moot.scheduler(), "two": moot.scheduler(), "old": moot.scheduler(fence=99)}
    for act in acts:
        if act == "tick":
            moot.clock.advance(3)
        elif act in schedulers:
            await schedulers[act].once()
        elif act == "trigger":
            await moot.timetable.trigger(name, "k")
        elif act == "put":
            kept = await moot.timetable.get(name)
            await moot.timetable.put(msgspec.structs.replace(kept.schedule, every_s=5))
        else:
            await getattr(moot.timetable, act)(name)
    runs = [run for run in await moot.runs() if run.labels["schedule"] == name]
    slots = [run.labels["slot"] for run in runs]
    assert len(slots) == len(set(slots))
    kept = await moot.timetable.get(name)
    assert kept.fired + kept.triggered == len(slots)
    await moot.timetable.drop(name)
