"""How long a provider asks us to wait.

In this order: retry-after-ms, Retry-After (seconds or an HTTP date), the reset of a limit that is
used up (Anthropic's times, OpenAI's spans, OpenRouter's clock), a sentence in the message. Dates are
compared with the answer's own Date header where it has one, so that a clock that goes wrong here
does not matter.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_TRY_AGAIN = re.compile(
    r"(?:try again|retry)\s+(?:in|after)\s+(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|seconds?|m|min|minutes?)\b",
    re.IGNORECASE,
)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MILLIS_SINCE_1970 = 10**11


def retry_after(headers: Mapping[str, str], message: str, now: float) -> float | None:
    """Return the seconds that the provider asked us to wait, or None when it did not say.

    Header names are lower case; `now` is seconds since 1970.
    """
    now = _date(headers.get("date", "")) or now
    found = (
        _number(headers.get("retry-after-ms", ""), 0.001),
        _number(headers.get("retry-after", "")),
        _until(_date(headers.get("retry-after", "")), now),
        _resets(headers, now),
        _sentence(message),
    )
    return next((max(wait, 0.0) for wait in found if wait is not None), None)


def _resets(headers: Mapping[str, str], now: float) -> float | None:
    """Return the longest reset of the limits that are used up."""
    waits: list[float] = []
    for name, value in headers.items():
        if "ratelimit" not in name or not _used_up(name, headers):
            continue
        wait = _reset(name, value, now)
        if wait is not None:
            waits.append(wait)
    return max(waits, default=None)


def _used_up(name: str, headers: Mapping[str, str]) -> bool:
    """Whether this header tells the reset of a limit of which nothing remains (or nobody says)."""
    if "-reset" not in name:
        return False
    return headers.get(name.replace("-reset", "-remaining"), "0").strip() in {"0", "0.0"}


def _reset(name: str, value: str, now: float) -> float | None:
    spans = _SPAN.findall(value)
    if spans and _SPAN.sub("", value).strip() == "":
        return sum(float(number) * _SECONDS[unit] for number, unit in spans)
    number = _number(value)
    if number is None:
        return _until(_date(value), now)
    if number >= _MILLIS_SINCE_1970:
        return number / 1000 - now
    return number - now if number > now / 2 and not name.endswith("after") else number


def _sentence(text: str) -> float | None:
    match = _TRY_AGAIN.search(text)
    if match is None:
        return None
    number, unit = match.groups()
    return float(number) * _SECONDS["ms" if unit.lower().startswith("mil") else _short(unit)]


def _short(unit: str) -> str:
    unit = unit.lower()
    return unit if unit in _SECONDS else unit[0]


def _number(text: str, factor: float = 1.0) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value * factor if math.isfinite(value) else None


def _date(text: str) -> float | None:
    """Return an HTTP date or an RFC 3339 time as seconds since 1970."""
    if not text:
        return None
    try:
        if text[0].isdigit() and "T" in text:
            time = datetime.fromisoformat(text)
        else:
            time = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _until(time: float | None, now: float) -> float | None:
    return None if time is None else time - now
