"""Text for a terminal: made safe, made short; times, money and durations as people write them.

What a model or a tool said is shown to a person. A terminal obeys control characters, so they
never reach it: an agent that reads a hostile file must not be able to move the cursor, hide what it
did, or write to the clipboard of the one who watches.
"""

import re
from datetime import UTC, datetime

from folkmoot.core.spend import NANOS_PER_USD, Spend

# C0 without tab and newline, DEL, C1; and the marks that turn the direction of writing.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SECOND_MS = 1000


def clean(value: str) -> str:
    """Return text without anything that a terminal would obey; line ends become newlines."""
    return _CONTROL.sub("\ufffd", value.replace("\r\n", "\n"))


def short(value: str, width: int = 100) -> str:
    """Return one line of at most `width` characters that stands for a text."""
    lines = clean(value).strip().split("\n")
    more = f" (+{many(len(lines) - 1, 'line')})" if len(lines) > 1 else ""
    room = max(width - len(more), 1)
    first = lines[0].replace("\t", " ")
    return (first if len(first) <= room else first[: room - 1] + "…") + more


def span(ms: float) -> str:
    """Return a duration, given in milliseconds: `12 ms`, `3.4 s`, `5 min`, `2 h`, `3 d`."""
    if ms < _SECOND_MS:
        return f"{ms:.0f} ms"
    seconds = ms / _SECOND_MS
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.0f} h" if seconds < _DAY else f"{seconds / _DAY:.0f} d"


def when(ms: int) -> str:
    """Return a time (ms since 1970) as local time to the second."""
    moment = datetime.fromtimestamp(ms / _SECOND_MS, tz=UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def money(nanos: int) -> str:
    """Return nano-dollars as dollars, with the digits that matter."""
    usd = nanos / NANOS_PER_USD
    return f"${usd:.2f}" if usd >= 1 or not nanos else f"${usd:.9f}".rstrip("0")


def spent(spend: Spend) -> str:
    """Return what a run used, in one line."""
    parts = [
        many(spend.model_calls, "model call"),
        many(spend.tool_calls, "tool call"),
        f"{spend.input:,} + {spend.output:,} tokens",
        money(spend.nanos),
    ]
    if spend.uncertain:
        parts.append(f"up to {money(spend.uncertain)} more for calls whose end nobody saw")
    return ", ".join(parts)


def many(count: int, word: str) -> str:
    """Return a count with its word, in the plural where that is right."""
    if count == 1:
        return f"1 {word}"
    return f"{count:,} {word[:-1]}ies" if word.endswith("ry") else f"{count:,} {word}s"
