"""Calendars: which moments a schedule means."""

from typing import Protocol

from folkmoot.core.schedule import Schedule, Slots


class Calendar(Slots, Protocol):
    """Knows the slots of schedules. Never blocks; knows no now: every time is given.

    Slots are in order and never twice. They follow from the schedule alone, so that every process that
    asks finds the same ones (as long as their time zone data agree: the next slot that stands in the
    schedule's record counts, not the one that another process would compute).
    """

    def check(self, schedule: Schedule) -> None:
        """Raise CronInvalid or ScheduleInvalid when no slots can be told of a schedule."""
        ...

    def written(self, slot: int) -> str:
        """Return a slot as ISO 8601 in UTC, to the second: 2026-11-05T07:00:00Z."""
        ...
