"""The schedules in an agent file."""

import pytest

from folkmoot.agents.known import Known
from folkmoot.calendars.calendar import SlotCalendar
from folkmoot.core.schedule import Schedule

KNOWN = Known(schedule=SlotCalendar().check)


def test_one_schedule_has_the_agents_name(bench):
    agent = bench.load("schedule: {every: 15m, input: Look.}", known=KNOWN)
    assert agent.schedules == (
        Schedule(name="sample", agent="sample", input="Look.", every_s=900, source="file"),
    )


def test_every_field_is_taken_over(bench):
    text = """
    schedule:
      - {name: mornings, cron: "0 7 * * 1-5", timezone: Europe/Berlin, input: Report., overlap: queue,
         missed: skip, grace: 10m, jitter: 30s, timeout: 5m, priority: low, labels: {team: docs},
         enabled: false}
    """
    assert bench.load(text, known=KNOWN).schedules == (
        Schedule(
            name="sample.mornings",
            agent="sample",
            input="Report.",
            cron="0 7 * * 1-5",
            timezone="Europe/Berlin",
            overlap="queue",
            missed="skip",
            grace_s=600,
            jitter_s=30,
            timeout_s=300,
            priority="low",
            labels={"team": "docs"},
            enabled=False,
            source="file",
        ),
    )


def test_in_a_list_the_place_is_a_name(bench):
    text = "schedule: [{every: 5, input: a}, {name: b, every: 5, input: b}, {every: 5, input: c}]"
    names = [schedule.name for schedule in bench.load(text, known=KNOWN).schedules]
    assert names == ["sample.1", "sample.b", "sample.3"]


def test_without_schedules_there_are_none(bench):
    assert bench.load("").schedules == ()


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("schedule: daily", "schedule", "a mapping with `cron` or `every`"),
        ("schedule: []", "schedule", "at least 1"),
        ("schedule: {input: a}", "schedule", "either `cron` or `every`"),
        ('schedule: {cron: "* * * * *"}', "schedule.input", "is missing"),
        ('schedule: {cron: "61 * * * *", input: a}', "schedule.cron", "not a cron expression"),
        ('schedule: {cron: "@daily", timezone: Mars/Base, input: a}', "schedule.cron", "time zone"),
        ('schedule: {cron: "@daily", every: 5, input: a}', "schedule", "either `cron` or `every`"),
        ("schedule: {every: 1500ms, input: a}", "schedule.every", "whole seconds"),
        ("schedule: {every: 5, jitter: 2d, input: a}", "schedule.jitter", "86400 or less"),
        ("schedule: {every: 5, overlap: maybe, input: a}", "schedule.overlap", "'skip'"),
        ('schedule: {every: 5, input: "  "}', "schedule", "what the agent is asked"),
        ("schedule: {every: 5, input: a, at: 7}", "schedule.at", "no such field"),
        (
            "schedule: [{name: a, every: 5, input: a}, {name: a, every: 6, input: a}]",
            "schedule",
            "names that differ",
        ),
        (
            "schedule: [{every: 5, input: a}, {name: '1', every: 6, input: a}]",
            "schedule",
            "names that differ",
        ),
    ],
)
def test_a_mistake_is_told_where_it_stands(bench, text, field, words):
    found = bench.mistake(text, known=KNOWN)
    assert (found.field, words in str(found)) == (field, True), str(found)
