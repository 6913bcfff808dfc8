"""The calendar: cron and interval schedules, in milliseconds.

Intervals are counted from 1970, not from when somebody began: `every_s: 3600` comes at each full hour
(UTC), however often the fleet was started anew.
"""

from folkmoot.calendars import cron
from folkmoot.core.errors import CronInvalid, ScheduleInvalid
from folkmoot.core.schedule import LONGEST_S, Schedule

_MS = 1000
_COUNTED = 1_000
# From short to long, so that few slots are walked through whatever their rhythm. Seconds.
_WINDOWS = (300, 3_600, 21_600, 86_400, 7 * 86_400, 31 * 86_400, 366 * 86_400, 3_660 * 86_400)


class SlotCalendar:
    """ports/calendar.py."""

    def check(self, schedule: Schedule) -> None:
        """Raise CronInvalid or ScheduleInvalid when no slots can be told of a schedule."""
        if bool(schedule.cron) == bool(schedule.every_s):
            raise ScheduleInvalid(
                "A schedule needs either `cron` or `every`.", kept="Nothing was scheduled."
            )
        if not schedule.cron:
            _check_interval(schedule)
            return
        cron.zone(schedule.timezone)
        cron.expression(schedule.cron)
        if cron.following(schedule.cron, schedule.timezone, 0) is None:
            raise CronInvalid(
                f"{schedule.cron!r} is a day that never comes.", kept="Nothing was scheduled."
            )

    def next(self, schedule: Schedule, after: int) -> int | None:
        """Return the first slot later than a time."""
        if schedule.every_s:
            step = schedule.every_s * _MS
            return (after // step + 1) * step
        found = cron.following(schedule.cron, schedule.timezone, after // _MS)
        return None if found is None else found * _MS

    def last(self, schedule: Schedule, first: int, until: int) -> int:
        """Return the last slot that is not later than a time; `first` when there is none."""
        if schedule.every_s:
            step = schedule.every_s * _MS
            return max(first, until // step * step)
        for window in _WINDOWS:
            found = self.next(schedule, max(first, until - window * _MS) - 1)
            if found is not None and found <= until:
                return self._walk(schedule, found, until)
        return first

    def _walk(self, schedule: Schedule, slot: int, until: int) -> int:
        while (following := self.next(schedule, slot)) is not None and following <= until:
            slot = following
        return slot

    def count(self, schedule: Schedule, first: int, last: int) -> int:
        """Return how many slots there are, both ends counted; those of cron up to 1000."""
        if schedule.every_s:
            return (last - first) // (schedule.every_s * _MS) + 1
        found, slot = 1, first
        while found < _COUNTED and slot < last:
            following = self.next(schedule, slot)
            if following is None or following > last:
                break
            found, slot = found + 1, following
        return found

    def written(self, slot: int) -> str:
        """Return a slot as ISO 8601 in UTC, to the second."""
        return cron.written(slot // _MS)


def _check_interval(schedule: Schedule) -> None:
    if not 1 <= schedule.every_s <= LONGEST_S:
        raise ScheduleInvalid(
            f"`every` is {schedule.every_s} s; it is at least 1 s and at most {LONGEST_S} s (366 days).",
            kept="Nothing was scheduled.",
        )
    if schedule.timezone != "UTC":
        raise ScheduleInvalid(
            "`timezone` belongs to `cron`: intervals are counted from 1970 in UTC.",
            kept="Nothing was scheduled.",
        )
