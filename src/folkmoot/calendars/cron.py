"""Cron expressions in a time zone: the next moment after a given one.

Five fields: minute, hour, day of month, month, day of week, as Debian's cron reads them (`L`, `LW` and
`MON#2` too). When the clocks change:

- **Fixed times** (neither minute nor hour begins with `*`) come once each: a time that does not exist
  that day comes at the first moment that does, a time that exists twice comes the first time.
- **Repeated times** (`*/15 * * * *`, `0 * * * *`) go on as time does: none is left out where the clocks
  go back, and nothing is made up for where they go forward.

cronsim does the first. For the second it is asked in wall time between two changes of the zone's offset:
it walks by whole hours, and loses its way where clocks change by half an hour.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from folkmoot.core.errors import CronInvalid, ScheduleInvalid

_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_LONGEST = 200
_FIELDS = 5
_START = datetime(1970, 1, 1)  # noqa: DTZ001 - wall time: the zone is taken away on purpose
_SECOND = timedelta(seconds=1)
_OVERLAP = 26 * 3600
"""More seconds than any clock was ever put back."""


@lru_cache(maxsize=1024)
def expression(text: str) -> str:
    """Return a cron expression in five fields. Raises CronInvalid."""
    fields = _WORDS.get(text.strip().lower(), text)
    try:
        if len(fields) > _LONGEST or len(fields.split()) != _FIELDS:
            raise CronSimError("Five fields are needed")  # noqa: TRY301 - one place says what is wrong
        CronSim(fields, _START)
    except CronSimError as fault:
        raise CronInvalid(
            f"{text[:_LONGEST]!r} is not a cron expression: {str(fault).lower()}.",
            kept="Nothing was scheduled.",
            todo="Write minute, hour, day of month, month, day of week, such as `0 7 * * 1-5`; "
            f"or {', '.join(sorted(_WORDS))}.",
        ) from None
    return " ".join(fields.split())


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return a time zone. Raises ScheduleInvalid."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ScheduleInvalid(
            f"There is no time zone {name[:_LONGEST]!r}.",
            kept="Nothing was scheduled.",
            todo="Use a name of the IANA database, such as Europe/Berlin or UTC.",
        ) from None


def following(text: str, where: str, after: int) -> int | None:
    """Return the first moment of an expression that is later than `after` (both in seconds, UTC)."""
    cron, home = expression(text), zone(where)
    minute, hour = cron.split()[:2]
    search = _repeated if minute.startswith("*") or hour.startswith("*") else _fixed
    try:
        return search(cron, home, after)
    except (OverflowError, ValueError):  # the end of the calendar
        return None


def _fixed(cron: str, home: ZoneInfo, after: int) -> int | None:
    """Once each, whatever the clocks do. A time that was the first of two may lie behind us."""
    moments = (
        round(found.timestamp()) for found in CronSim(cron, datetime.fromtimestamp(after, home))
    )
    return next((moment for moment in moments if moment > after), None)


def _repeated(cron: str, home: ZoneInfo, after: int) -> int | None:
    """Between two changes of the offset, wall time and real time go side by side."""

    def offset(moment: int) -> int:
        change = datetime.fromtimestamp(moment, home).utcoffset() or timedelta()
        return change // _SECOND

    start = after + 1
    while True:
        here = offset(start)
        found = _wall(cron, start + here)
        if found is None:
            return None
        found -= here
        near = min(found, start + _OVERLAP)
        if offset(near) != here:
            start = _change(offset, start, near)
        elif offset(found) != here:
            start = _change(offset, near, found)
        else:
            return found


def _wall(cron: str, start: int) -> int | None:
    """Return the first moment of an expression from `start` on, in wall time."""
    before = _START + timedelta(seconds=start - 1)
    found = next(CronSim(cron, before), None)
    return None if found is None else (found - _START) // _SECOND


def _change(offset: Callable[[int], int], low: int, high: int) -> int:
    """Return the first moment between two at which the first one's offset does not hold any more."""
    here = offset(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(middle) == here else (low, middle)
    return high


def written(moment: int) -> str:
    """Return a moment (seconds) as ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
