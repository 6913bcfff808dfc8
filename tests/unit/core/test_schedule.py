"""What becomes of slots, whatever happens; over a calendar that knows intervals only."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from folkmoot.core import lateness
from folkmoot.core.schedule import (
    Kept,
    Schedule,
    adopt,
    ask,
    comes,
    due,
    fired,
    flaw,
    going,
    jitter,
    pause,
    refused,
    resume,
    triggered,
)

S = 1000
NOW = 1_795_000_000_000


class Every:
    """The slots of intervals; those of nothing after `end`."""

    def __init__(self, end=None):
        self.end = end

    def next(self, schedule, after):
        step = schedule.every_s * S
        slot = (after // step + 1) * step
        return slot if self.end is None or slot <= self.end else None

    def last(self, schedule, first, until):
        step = schedule.every_s * S
        return max(first, until // step * step)

    def count(self, schedule, first, last):
        return (last - first) // (schedule.every_s * S) + 1


def made(**fields):
    given = {"name": "s", "agent": "a", "input": "Work.", "every_s": 60, "grace_s": 30}
    return adopt(None, Schedule(**given | fields), NOW, Every())


def look(kept, now):
    return lateness.look(kept, now, Every())


def all_fired(kept, now):
    """Look until nothing is due; each run is over at once. Return the slots that became runs."""
    slots = []
    while True:
        kept, slot = look(kept, now)
        if slot is None:
            return kept, slots
        slots.append(slot)
        kept = going(fired(kept, slot, f"r{slot}", now), [f"r{slot}"])


FIRST = (NOW // (60 * S) + 1) * 60 * S


def test_a_slot_fires_at_its_time_and_not_before():
    kept = made()
    assert (kept.next_slot, due(kept, NOW)) == (FIRST, FIRST)
    assert look(kept, FIRST - 1) == (kept, None)
    after, slot = look(kept, FIRST)
    assert (slot, after.next_slot) == (FIRST, FIRST + 60 * S)
    after = fired(after, slot, "r1", FIRST)
    assert (after.fired, after.last_slot, after.last_run, after.open) == (1, FIRST, "r1", ("r1",))


@pytest.mark.parametrize("missed", ["once", "skip"])
def test_what_is_a_little_late_is_on_time(missed):
    often = made(missed=missed, every_s=10)
    first = often.next_slot
    _, slots = all_fired(often, first + 30 * S)
    assert slots == [first + n * 10 * S for n in range(4)]
    kept, slots = all_fired(made(missed=missed), FIRST + 30 * S)
    assert (slots, kept.missed) == ([FIRST], 0)


def test_after_an_outage_once_makes_one_run_under_the_latest_slot():
    now = FIRST + 10 * 60 * S + 45 * S
    kept, slots = all_fired(made(missed="once"), now)
    assert slots == [FIRST + 10 * 60 * S]
    assert (kept.missed, kept.fired, kept.next_slot) == (10, 1, FIRST + 11 * 60 * S)


def test_after_an_outage_skip_makes_none_but_what_is_on_time():
    kept, slots = all_fired(made(missed="skip"), FIRST + 10 * 60 * S + 45 * S)
    assert (slots, kept.missed, kept.next_slot) == ([], 11, FIRST + 11 * 60 * S)
    kept, slots = all_fired(made(missed="skip"), FIRST + 10 * 60 * S + 15 * S)
    assert (slots, kept.missed) == ([FIRST + 10 * 60 * S], 10)


def test_overlap_skip_passes_over_a_slot_while_a_run_goes_on():
    kept = replace(made(), open=("r0",))
    kept, slot = look(kept, FIRST)
    assert (slot, kept.skipped, kept.next_slot) == (None, 1, FIRST + 60 * S)
    kept, slot = look(going(kept, ["r0"]), FIRST + 60 * S)
    assert slot == FIRST + 60 * S


def test_overlap_queue_lets_one_slot_wait_and_skips_the_others():
    kept = replace(made(overlap="queue"), open=("r0",))
    for n in range(3):
        kept, slot = look(kept, FIRST + n * 60 * S)
        assert slot is None
    assert (kept.waiting, kept.skipped) == (FIRST, 2)
    now = FIRST + 150 * S
    assert now < due(kept, now) < kept.next_slot
    kept, slot = look(going(kept, ["r0"]), now)
    assert (slot, kept.waiting) == (FIRST, None)
    assert kept.next_slot == FIRST + 180 * S


def test_overlap_allow_fires_anyway_and_remembers_the_last_run_only():
    kept = replace(made(overlap="allow"), open=("r0",))
    kept, slot = look(kept, FIRST)
    assert slot == FIRST
    assert fired(kept, slot, "r1", FIRST).open == ("r1",)


def test_paused_or_disabled_makes_nothing_and_is_never_due():
    for kept in (pause(made(), NOW), made(enabled=False)):
        assert due(kept, NOW) == 0
        assert look(kept, FIRST + 999 * S) == (kept, None)


def test_what_was_not_done_in_a_pause_is_not_owed():
    kept = resume(pause(made(), NOW), FIRST + 600 * S, Every())
    assert (kept.next_slot, kept.missed) == (FIRST + 660 * S, 0)


def test_a_refused_slot_is_kept_shown_and_tried_ever_more_seldom():
    kept, waits = made(), []
    for _ in range(10):
        kept = refused(kept, "QUEUE_FULL: Full.", FIRST)
        waits.append(kept.retry_at - FIRST)
        assert due(kept, FIRST) == kept.retry_at
    assert waits == [5_000, 10_000, 20_000, 40_000, 80_000, 160_000] + [300_000] * 4
    assert (kept.next_slot, kept.error, kept.tries) == (FIRST, "QUEUE_FULL: Full.", 10)
    after = fired(kept, FIRST, "r", FIRST)
    assert (after.error, after.tries, after.retry_at) == ("", 0, 0)


def test_declared_anew_keeps_what_happened_and_owes_no_slot_of_other_times():
    kept = fired(made(), FIRST, "r1", FIRST)
    later = FIRST + 600 * S
    same = adopt(kept, replace(kept.schedule, input="Other."), later, Every())
    assert (same.next_slot, same.fired, same.created_at) == (FIRST, 1, NOW)
    other = adopt(kept, replace(kept.schedule, every_s=120), later, Every())
    assert other.next_slot > later
    assert other.fired == 1
    again = adopt(made(enabled=False), made().schedule, later, Every())
    assert again.next_slot == FIRST + 660 * S


def test_a_slot_that_had_fired_before_is_not_counted_again():
    kept = fired(fired(made(), FIRST, "r1", FIRST), FIRST, "r1", FIRST, new=False)
    assert (kept.fired, kept.open) == (1, ("r1",))


def test_a_run_by_hand_counts_as_going_on():
    kept = triggered(made(), "r9", NOW)
    assert (kept.triggered, kept.fired, kept.open, kept.last_run) == (1, 0, ("r9",), "r9")


def test_few_runs_are_remembered_as_open():
    kept = made()
    for n in range(50):
        kept = triggered(kept, f"r{n}", NOW)
    assert kept.open == tuple(f"r{n}" for n in range(30, 50))


def test_the_task_says_which_slot_and_until_when():
    schedule = made(timeout_s=1.5, priority="low", labels={"team": "docs"}).schedule
    task = ask(schedule, "2026-11-05T07:00:00Z", NOW)
    assert (task.source, task.key) == ("schedule", "s/2026-11-05T07:00:00Z")
    assert (task.deadline, task.priority) == (NOW + 1500, "low")
    assert task.labels == {"team": "docs", "schedule": "s", "slot": "2026-11-05T07:00:00Z"}
    assert ask(made().schedule, "now/k", NOW).deadline is None


def test_a_schedule_that_has_no_more_slots_ends():
    kept, slot = lateness.look(made(), FIRST, Every(end=FIRST))
    assert (slot, kept.next_slot, due(kept, FIRST)) == (FIRST, None, 0)


@given(st.integers(0, 2**43), st.floats(0, 86_400))
def test_jitter_is_the_same_for_everybody_and_within_bounds(slot, most):
    schedule = made(jitter_s=most).schedule
    assert jitter(schedule, slot) == jitter(replace(schedule, input="Other."), slot)
    assert 0 <= jitter(schedule, slot) <= round(most * 1000)


def test_jitter_spreads_schedules_and_slots():
    found = {jitter(made(name=f"s{n}", jitter_s=60).schedule, FIRST) for n in range(100)}
    assert len(found) > 90


@settings(max_examples=150)
@given(
    missed=st.sampled_from(["once", "skip"]),
    overlap=st.sampled_from(["skip", "queue", "allow"]),
    jitter_s=st.sampled_from([0, 0, 7, 90]),
    steps=st.lists(st.tuples(st.integers(0, 400), st.booleans()), min_size=1, max_size=30),
)
def test_no_slot_fires_twice_and_each_is_accounted_for(missed, overlap, jitter_s, steps):
    """Looks at any times, runs that end or go on: fired + skipped + missed + waiting are all slots."""
    kept = made(missed=missed, overlap=overlap, jitter_s=jitter_s)
    now, slots = NOW, []
    for seconds, over in steps:
        now += seconds * S
        kept = going(kept, kept.open if over else ())
        while True:
            before = kept
            kept, slot = look(kept, now)
            if slot is None:
                break
            assert comes(kept.schedule, slot) <= now
            if slot != before.waiting:
                assert not slots or slot > max(slots) or before.waiting is not None
            slots.append(slot)
            kept = fired(kept, slot, f"r{slot}", now)
    assert len(slots) == len(set(slots)) == kept.fired
    passed = (kept.next_slot - FIRST) // (60 * S)
    assert kept.fired + kept.skipped + kept.missed + (kept.waiting is not None) == passed
    assert due(kept, now) > now or kept.waiting is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Über"},
        {"name": ""},
        {"name": "a/b"},
        {"input": "  "},
        {"input": "\ud800"},
        {"overlap": "maybe"},
        {"missed": "all"},
        {"priority": "urgent"},
        {"jitter_s": -1},
        {"jitter_s": 86_401},
        {"grace_s": -1},
        {"grace_s": float("nan")},
        {"timeout_s": 0},
    ],
)
def test_a_flaw_is_told_in_a_sentence(fields):
    assert flaw(replace(made().schedule, **fields)).endswith(".")


def test_a_good_schedule_has_no_flaw():
    assert flaw(made(name="reader.mornings", timeout_s=5).schedule) == ""
    assert isinstance(made(), Kept)
