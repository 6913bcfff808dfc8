"""Times as text (RFC 3339) and as milliseconds since 1970 (UTC). Arithmetic alone: no clock is read."""

import re

from folkmoot.core.errors import Invalid

_PARTS = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?([Zz]|([+-])(\d\d):?(\d\d))?"
)
_DAY_MS = 86_400_000
_LIMITS = (24, 60, 60)


def read(text: str) -> int:
    """Return the milliseconds of a time; one without a zone is UTC. Raises Invalid."""
    found = _PARTS.fullmatch(text)
    if found is None:
        raise Invalid(f"{text[:40]!r} is not a time such as 2026-01-31T12:00:00Z.")
    year, month, day, hour, minute, second = (int(found[n]) for n in range(1, 7))
    days = _days(year, month, day) if 1 <= month <= 12 and year else 0  # noqa: PLR2004 - months
    inside = all(n < limit for n, limit in zip((hour, minute, second), _LIMITS, strict=True))
    if not inside or not year or _date(days) != (year, month, day):
        raise Invalid(f"{text[:40]!r} is not a time that any calendar has.")
    fraction = round(float(found[7] or 0) * 1000)
    ms = days * _DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + fraction
    if found[9]:
        ahead = (int(found[10]) * 60 + int(found[11])) * 60_000
        ms += ahead if found[9] == "-" else -ahead
    return ms


def write(ms: int) -> str:
    """Return a time as text, in UTC."""
    days, left = divmod(ms, _DAY_MS)
    year, month, day = _date(days)
    seconds, thousandths = divmod(left, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z"


def _days(year: int, month: int, day: int) -> int:
    """Return the days since 1970. Years begin in March here, so that the odd day comes last."""
    year -= month <= 2  # noqa: PLR2004 - January and February
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _date(days: int) -> tuple[int, int, int]:
    """Return year, month and day of the days since 1970."""
    era, of_era = divmod(days + 719_468, 146_097)
    years = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * years + years // 4 - years // 100)
    place = (5 * of_year + 2) // 153
    month = place + 3 if place < 10 else place - 9  # noqa: PLR2004 - March is the first
    year = era * 400 + years + (month <= 2)  # noqa: PLR2004 - January and February
    return year, month, of_year - (153 * place + 2) // 5 + 1
