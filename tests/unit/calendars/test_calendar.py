"""Which moments a schedule means, held against a search minute by minute."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from folkmoot.calendars.calendar import SlotCalendar
from folkmoot.core.errors import CronInvalid, ScheduleInvalid
from folkmoot.core.schedule import Schedule

CALENDAR = SlotCalendar()
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
# Zones, and days on which their clocks change: by an hour, by half of one, by two, by a whole day.
CHANGES = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("America/Santiago", "2026-09-06"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Antarctica/Troll", "2026-03-29"),
    ("Africa/Casablanca", "2026-02-15"),
    ("Pacific/Apia", "2011-12-30"),
    ("Asia/Kathmandu", "2026-05-05"),
    ("UTC", "2026-02-28"),
]
REPEATED = ["*/15 * * * *", "30 * * * *", "*/30 3 * * *", "*/10 1-3 * * *", "5 */2 * * *"]
FIXED = ["30 2 * * *", "0,30 1,2,3 * * *", "15 0 * * *", "55 23 * * *", "0 12 * * *"]


def schedule(**fields):
    return Schedule(name="s", agent="a", input="Work.", **fields)


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def slots(asked: Schedule, start: int, end: int) -> list[int]:
    found = []
    slot = CALENDAR.next(asked, start)
    while slot is not None and slot <= end:
        found.append(slot)
        slot = CALENDAR.next(asked, slot)
    return found


def midnight(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T00:00Z")


def around(day: str) -> tuple[int, int]:
    return ms(midnight(day) - timedelta(hours=16)), ms(midnight(day) + timedelta(hours=30))


def named(cron: str) -> Callable[[datetime], bool]:
    """Return what tells whether an expression with `* * *` at its end names a wall time."""
    asked = CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC))
    minutes, hours = asked.minutes, asked.hours
    return lambda wall: wall.minute in minutes and wall.hour in hours


@pytest.mark.parametrize("cron", REPEATED)
@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_what_is_repeated_comes_at_every_moment_that_fits(zone, day, cron):
    (start, end), fits = around(day), named(cron)
    every = range(start + 5 * MINUTE, end + 1, 5 * MINUTE)  # as fine as the expressions are
    wanted = [t for t in every if fits(datetime.fromtimestamp(t / 1000, ZoneInfo(zone)))]
    assert slots(schedule(cron=cron, timezone=zone), start, end) == wanted


@pytest.mark.parametrize("cron", FIXED)
@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_a_fixed_time_comes_once_whatever_the_clocks_do(zone, day, cron):
    (start, end), home, fits = around(day), ZoneInfo(zone), named(cron)
    first = midnight(day) - timedelta(days=2)
    walls = (first + n * timedelta(minutes=5) for n in range(5 * 288))
    wanted = {ms(real(wall.replace(tzinfo=home))) for wall in walls if fits(wall)}
    found = slots(schedule(cron=cron, timezone=zone), start, end)
    assert found == sorted(slot for slot in wanted if start < slot <= end)


def real(wall: datetime) -> datetime:
    """Return the wall time; where the clocks leave it out, the first one that there is."""
    while wall.astimezone(UTC).astimezone(wall.tzinfo) != wall:
        wall += timedelta(minutes=5)
    return wall


FIELD = st.sampled_from(["*", "*/7", "0", "30", "1-3", "2", "1,2"])


@settings(max_examples=60, deadline=None)
@given(
    minute=FIELD,
    hour=st.sampled_from(["*", "*/5", "0", "1", "2", "2,3", "23"]),
    day=st.sampled_from(["*", "1", "29", "L"]),
    place=st.sampled_from(CHANGES),
    start=st.integers(-2 * DAY, 2 * DAY),
)
@example(minute="30", hour="1", day="*", place=CHANGES[3], start=6 * HOUR + 40 * MINUTE)
def test_slots_go_forward_and_do_not_depend_on_who_asks_from_where(minute, hour, day, place, start):
    asked = schedule(cron=f"{minute} {hour} {day} * *", timezone=place[0])
    after = ms(midnight(place[1])) + start
    found = [slot for _ in range(8) if (slot := CALENDAR.next(asked, after)) and (after := slot)]
    assert all(before < later for before, later in pairwise(found))
    first = ms(midnight(place[1])) + start
    assert found[0] > first
    # Between two slots there is none, wherever one looks from.
    for before, later in pairwise([first, *found]):
        assert CALENDAR.next(asked, later - 1) == later
        assert CALENDAR.next(asked, (before + later) // 2) == later
    assert CALENDAR.last(asked, found[0], found[-1]) == found[-1]
    assert CALENDAR.last(asked, found[0], found[4] - 1) == found[3]
    assert CALENDAR.count(asked, found[0], found[-1]) == len(found)


@given(every=st.integers(1, 366 * 86_400), after=st.integers(0, 2**43))
def test_intervals_are_counted_from_1970(every, after):
    asked = schedule(every_s=every)
    slot = CALENDAR.next(asked, after)
    assert slot % (every * 1000) == 0
    assert after < slot <= after + every * 1000
    assert CALENDAR.next(asked, slot) == slot + every * 1000
    assert CALENDAR.last(asked, slot, slot + 3 * every * 1000 + 999) == slot + 3 * every * 1000
    assert CALENDAR.last(asked, slot, slot - 1) == slot
    assert CALENDAR.count(asked, slot, slot + 4 * every * 1000) == 5


def test_a_year_of_minutes_is_not_walked_through():
    asked = schedule(cron="* * * * *", timezone="Europe/Berlin")
    first = CALENDAR.next(asked, ms(datetime(2026, 1, 1, tzinfo=UTC)))
    last = CALENDAR.last(asked, first, first + 366 * DAY + 1)
    assert last == first + 366 * DAY
    assert CALENDAR.count(asked, first, last) == 1000


@pytest.mark.parametrize(
    ("word", "cron"), [("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@Weekly", "0 0 * * 0")]
)
def test_words_stand_for_expressions(word, cron):
    now = ms(datetime(2026, 11, 5, 7, 12, tzinfo=UTC))
    assert CALENDAR.next(schedule(cron=word), now) == CALENDAR.next(schedule(cron=cron), now)


@pytest.mark.parametrize(
    "cron",
    [
        *("", "* * * *", "* * * * * *", "60 * * * *", "a * * * *", "*/0 * * * *", "@reboot"),
        *("@every 5m", "0 0 31 2 *", "٣ * * * *", "* * * * 1" + ",1" * 200),
    ],
)
def test_what_is_no_expression_is_refused(cron):
    with pytest.raises(CronInvalid if cron else ScheduleInvalid):
        CALENDAR.check(schedule(cron=cron))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cron": "* * * * *", "every_s": 5},
        {"every_s": -1},
        {"every_s": 10**9},
        {"every_s": 5, "timezone": "Europe/Berlin"},
        {"cron": "* * * * *", "timezone": "Mars/Base"},
        {"cron": "* * * * *", "timezone": "../../etc/passwd"},
        {"cron": "* * * * *", "timezone": ""},
    ],
)
def test_a_schedule_without_times_is_refused(fields):
    with pytest.raises(ScheduleInvalid) as refused:
        CALENDAR.check(schedule(**fields))
    assert not isinstance(refused.value, CronInvalid)


def test_good_schedules_pass_the_check():
    for fields in ({"every_s": 1}, {"cron": "0 0 29 2 *"}, {"cron": "0 9 * * MON#1"}):
        CALENDAR.check(schedule(**fields))


def test_a_slot_is_written_in_utc():
    assert CALENDAR.written(ms(datetime(2026, 11, 5, 7, tzinfo=UTC))) == "2026-11-05T07:00:00Z"


def test_the_end_of_the_calendar_is_an_end():
    assert CALENDAR.next(schedule(cron="0 0 1 1 *"), ms(datetime(9999, 6, 1, tzinfo=UTC))) is None
