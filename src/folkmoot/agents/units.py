"""Durations and sizes as people write them: `30s`, `5m`, `1h30m`; `512MB`, `1GiB`.

A bare number is seconds, or bytes. Durations become seconds (float), sizes become MiB (int).
"""

import re
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_SECONDS: Final = {"ms": "0.001", "s": "1", "m": "60", "h": "3600", "d": "86400"}
_BYTES: Final = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30
}  # fmt: skip
_NUMBER = r"\d{1,12}(?:\.\d{1,6})?"
_PART = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_NUMBER}(?:ms|s|m|h|d))+")
_SIZE = re.compile(rf"({_NUMBER})\s?({'|'.join(_BYTES)})")
_MIB: Final = 2**20
_LONGEST: Final = 1e9

DURATION = "a duration such as 30s, 5m, 1h30m, or a number of seconds"
SIZE = "a size such as 512MB or 1GiB, of at least 1MiB"


def seconds(value: Any) -> float:
    """Return a duration in seconds. Raises PydanticCustomError (type `duration`)."""
    length = _seconds(value)
    if length is None or not 0 <= length <= _LONGEST:
        raise PydanticCustomError("duration", "expected {expected}", {"expected": DURATION})
    return length


def some(value: Any) -> float:
    """Return a duration that is longer than nothing, in seconds."""
    length = seconds(value)
    if length > 0:
        return length
    expected = f"{DURATION}, more than 0"
    raise PydanticCustomError("duration", "expected {expected}", {"expected": expected})


def _seconds(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return float(sum(Decimal(n) * Decimal(_SECONDS[unit]) for n, unit in _PART.findall(value)))
    return None


def mebibytes(value: Any) -> int:
    """Return a size in MiB, rounded down. Raises PydanticCustomError (type `size`)."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    size = int(Decimal(match[1]) * _BYTES[match[2]]) // _MIB if match else 0
    if size < 1:
        raise PydanticCustomError("size", "expected {expected}", {"expected": SIZE})
    return size


_DURATION: Final = {"type": ["number", "string"], "pattern": f"^{_WHOLE.pattern}$"}
Duration = Annotated[float, BeforeValidator(seconds), WithJsonSchema({**_DURATION, "minimum": 0})]
Span = Annotated[float, BeforeValidator(some), WithJsonSchema({**_DURATION, "exclusiveMinimum": 0})]
Size = Annotated[
    int,
    BeforeValidator(mebibytes),
    WithJsonSchema({"type": ["integer", "string"], "pattern": f"^{_SIZE.pattern}$"}),
]
