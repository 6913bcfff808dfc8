"""A circuit breaker, as a value: it keeps calls away from a provider that keeps failing.

    closed ──5 failures in a row──▶ open ──its time is over──▶ half-open ──probe succeeds──▶ closed
                                     ▲                            │
                                     └────────probe fails─────────┘

Open lasts 60·2ⁿ seconds, at most an hour; n counts the openings since the last success. In half-open
exactly one call goes through, the probe; everybody else waits for its outcome. A probe that nobody
reported on (its caller was cancelled, or died) is given up after the time that the breaker was open,
and another call may probe. What a call that was let through before the opening reports while the
breaker is open is ignored: it says nothing about now.

Whoever holds the value decides what a failure is, keeps one breaker for each provider, and passes
the time in (ms since 1970). Every function returns the next value and changes nothing.
"""

from enum import StrEnum

import msgspec

THRESHOLD = 5
FIRST_MS = 60_000
LONGEST_MS = 3_600_000


class State(StrEnum):
    """What a breaker does with a call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker(msgspec.Struct, frozen=True, omit_defaults=True):
    """One breaker. `failures` in a row while closed; `trips` since the last success; times in ms.

    `until` is when it stops being open; `probe` is when the probe left (None: none is out).
    """

    failures: int = 0
    trips: int = 0
    until: int = 0
    probe: int | None = None


CLEAR = Breaker()
"""A closed breaker without a past; putting it in a breaker's place clears that one by hand."""


def state(breaker: Breaker, now: int) -> State:
    """Return where the breaker stands at a time."""
    if not breaker.trips:
        return State.CLOSED
    return State.OPEN if now < breaker.until else State.HALF_OPEN


def length(trips: int) -> int:
    """Return how long (ms) the opening number `trips` (from 1) lasts."""
    doublings = min(max(trips, 1) - 1, LONGEST_MS.bit_length())
    return min(FIRST_MS << doublings, LONGEST_MS)


def admit(breaker: Breaker, now: int) -> Breaker | None:
    """Return the breaker with one more call let through, or None when the call must not be made."""
    where = state(breaker, now)
    if where is State.CLOSED:
        return breaker
    if where is State.OPEN or _probing(breaker, now):
        return None
    return msgspec.structs.replace(breaker, probe=now)


def wait(breaker: Breaker, now: int) -> int:
    """Return the milliseconds until a call may be let through; 0 when it may now."""
    where = state(breaker, now)
    if where is State.OPEN:
        return breaker.until - now
    if breaker.probe is not None and _probing(breaker, now):
        return breaker.probe + length(breaker.trips) - now
    return 0


def succeed(breaker: Breaker, now: int) -> Breaker:
    """Return the breaker after a call that succeeded."""
    return breaker if state(breaker, now) is State.OPEN else CLEAR


def fail(breaker: Breaker, now: int) -> Breaker:
    """Return the breaker after a call that failed."""
    where = state(breaker, now)
    if where is State.CLOSED:
        failures = breaker.failures + 1
        return _opened(breaker, now) if failures >= THRESHOLD else Breaker(failures)
    if where is State.HALF_OPEN and breaker.probe is not None:
        return _opened(breaker, now)
    return breaker


def release(breaker: Breaker) -> Breaker:
    """Return the breaker after a probe that ended without an outcome (its caller was cancelled)."""
    return msgspec.structs.replace(breaker, probe=None)


def _opened(breaker: Breaker, now: int) -> Breaker:
    trips = breaker.trips + 1
    return Breaker(0, trips, now + length(trips))


def _probing(breaker: Breaker, now: int) -> bool:
    return breaker.probe is not None and now < breaker.probe + length(breaker.trips)
