"""`folkmoot schedules`."""

import asyncio

import pytest

from folkmoot.core.schedule import Schedule, fired, put, refused

ADD = ("schedules", "add", "mornings", "reader", "Report.", "--cron", "0 7 * * *")


def test_without_schedules_it_says_how_to_set_one(folkmoot):
    said = folkmoot("schedules")
    assert (said.code, said.out) == (0, "")
    assert "folkmoot schedules add" in said.err
    assert folkmoot("schedules", "--json").document == {"schedules": []}
    assert folkmoot("schedules", "list", "--json").document == {"schedules": []}


def test_one_is_set_and_listed(folkmoot):
    said = folkmoot(*ADD, "--timezone", "Europe/Berlin", "--jitter", "5m", "--label", "team=docs")
    assert said.code == 0
    assert "when:     0 7 * * * Europe/Berlin" in said.out
    assert "jitter:   5 min" in said.out
    [shown] = folkmoot("schedules", "list", "--json").document["schedules"]
    declared = shown["schedule"]
    assert (declared["jitter_s"], declared["labels"]) == (300.0, {"team": "docs"})
    assert shown["next_slot"] <= shown["next_at"] <= shown["next_slot"] + 300_000
    assert "mornings" in folkmoot("schedules").out


@pytest.mark.parametrize(
    ("every", "words"), [("90m", "every 90 min"), ("1h", "every 1 h"), ("45", "every 45 s")]
)
def test_an_interval_is_told_exactly(folkmoot, every, words):
    said = folkmoot("schedules", "add", "s", "reader", "Look.", "--every", every)
    assert words in said.out


def test_a_taken_name_is_a_conflict_unless_it_is_replaced(folkmoot):
    folkmoot(*ADD)
    said = folkmoot(*ADD)
    assert (said.code, "[SCHEDULE_CONFLICT]" in said.err) == (5, True)
    said = folkmoot(*ADD[:4], "Other.", "--every", "1h", "--replace", "--json")
    assert said.document["schedule"]["schedule"]["every_s"] == 3600


def test_paused_resumed_and_removed(folkmoot):
    folkmoot(*ADD)
    assert folkmoot("schedules", "pause", "mornings", "--json").document["schedule"]["paused"]
    assert "state:    paused" in folkmoot("schedules", "show", "mornings").out
    said = folkmoot("schedules", "resume", "mornings")
    assert "state:    active" in said.out
    assert folkmoot("schedules", "remove", "mornings").code == 0
    said = folkmoot("schedules", "show", "mornings")
    assert (said.code, "[SCHEDULE_NOT_FOUND]" in said.err) == (3, True)


def test_triggered_under_a_key_it_is_one_run(folkmoot):
    folkmoot(*ADD)
    first = folkmoot("schedules", "trigger", "mornings", "--key", "k", "--json").document
    again = folkmoot("schedules", "trigger", "mornings", "--key", "k")
    assert first["new"]
    assert again.out.strip() == first["run"]
    assert "used before" in again.err
    assert "1 by hand" in folkmoot("schedules", "show", "mornings").out


def test_how_it_went_is_told(folkmoot, desk):
    folkmoot(*ADD)

    async def went():
        kept = await desk.timetable.get("mornings")
        slot = kept.next_slot
        kept = refused(fired(kept, slot, "run_1", slot), "QUEUE_FULL: Full.", slot)
        await desk.timetable.store.write(put(kept, slot, 1))

    asyncio.run(went())
    said = folkmoot("schedules", "show", "mornings").out
    assert "slots:    1 fired, 0 skipped, 0 missed" in said
    assert "error:    QUEUE_FULL: Full. (1 time)" in said
    assert "fails: QUEUE_FULL" in folkmoot("schedules").out


def test_what_a_file_declares_is_not_removed(folkmoot, desk):
    schedule = Schedule(name="reader", agent="reader", input="a", every_s=60, source="file")
    asyncio.run(desk.timetable.put(schedule))
    said = folkmoot("schedules", "remove", "reader")
    assert (said.code, "declared in the file" in said.err) == (5, True)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--cron", "61 * * * *"), 2, "INVALID_CRON"),
        ((), 2, "INVALID_SCHEDULE"),
        (("--every", "soon"), 2, "--every is 'soon'"),
        (("--every", "1500ms"), 2, "whole seconds"),
        (("--every", "5m", "--label", "team"), 2, "NAME=VALUE"),
        (("--every", "5m", "--overlap", "maybe"), 2, "skip, queue, allow"),
        (("--cron", "@daily", "--timezone", "Mars/Base"), 2, "time zone"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(folkmoot, options, code, words):
    said = folkmoot("schedules", "add", "s", "reader", "Look.", *options)
    assert (said.code, words in said.err) == (code, True), said.err


def test_an_agent_that_is_not_there_is_refused(folkmoot):
    assert folkmoot("schedules", "add", "s", "nobody", "Look.", "--every", "1h").code == 3
