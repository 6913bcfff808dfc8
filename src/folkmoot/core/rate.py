"""How often a provider may be asked, by the whole fleet: a token bucket that learns from refusals.

A bucket fills at `per_s` up to `burst`; each call takes one token. When the provider answers 429 nobody
asks until the time that it named is over (a second, when it named none). After that the fleet starts
slowly: at half of the rate that it had, or at one call a second where none was set, and the rate doubles
every ten seconds without another refusal. It never passes the rate that was set; where none was set, the
bucket is given up once the learned rate is past a thousand calls a second.

Every function returns the next value and changes nothing. Times are ms since 1970, by the store's clock
where it has one (clocks/agreed.py): several processes share a bucket.
"""

from math import ceil

import msgspec

KIND = "rate"
_FIRST_PER_S = 1.0
_SLOWEST_PER_S = 0.1
_DOUBLES_MS = 10_000
_PAUSE_MS = 1_000
_FREE_PER_S = 1_000.0
_UNITS = {"s": 1, "min": 60, "h": 3600}


class Rate(msgspec.Struct, frozen=True):
    """A rate that was set: calls a second, and how many may come at once."""

    per_s: float
    burst: int


class Bucket(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a bucket stands: its tokens at a time, until when nobody may ask, what was learned when."""

    tokens: float = 0.0
    at: int = 0
    until: int = 0
    learned: float = 0.0
    learned_at: int = 0


_decoder = msgspec.json.Decoder(Bucket)


def read(body: bytes) -> Bucket:
    """Return the bucket that a record's body writes."""
    return _decoder.decode(body)


def write(bucket: Bucket) -> bytes:
    """Return a bucket as a record's body."""
    return msgspec.json.encode(bucket)


def parse(text: str) -> Rate:
    """Return a rate such as `500/min`, `50/s` or `5000/h`. Raises ValueError."""
    count, _, unit = text.strip().partition("/")
    seconds = _UNITS.get(unit.strip(), 0)
    if not count.strip().isdecimal() or not seconds or int(count) < 1:
        raise ValueError(f"{text!r} is not a rate: write calls and a unit, such as 500/min")
    per_s = int(count) / seconds
    return Rate(per_s, max(1, round(per_s)))


def named(text: str) -> tuple[str, Rate]:
    """Return a name and its rate, such as `openai=500/min`. Raises ValueError."""
    name, sign, rate = text.partition("=")
    if not name.strip() or not sign:
        raise ValueError(f"{text!r} names no provider: write it as in openai=500/min")
    return name.strip(), parse(rate)


def pace(bucket: Bucket | None, rate: Rate | None, now: int) -> float:
    """Return the calls a second that are allowed now; 0 for as many as one likes."""
    own = rate.per_s if rate else 0.0
    if bucket is None or not bucket.learned:
        return own
    quiet = max(0, now - max(bucket.learned_at, bucket.until))
    learned = bucket.learned * 2 ** min(quiet / _DOUBLES_MS, 60.0)
    if own:
        return min(own, learned)
    return 0.0 if learned > _FREE_PER_S else learned


def take(bucket: Bucket, rate: Rate | None, want: int, now: int) -> tuple[Bucket, int, int]:
    """Return the bucket after up to `want` tokens were taken, how many, and ms to wait when none was."""
    if now < bucket.until:
        return bucket, 0, bucket.until - now
    per_s = pace(bucket, rate, now)
    if not per_s:
        return bucket, want, 0
    burst = max(1, min(rate.burst if rate else want, ceil(per_s)))
    passed = max(0, now - max(bucket.at, bucket.until)) / 1000
    start = float(burst) if not bucket.at else bucket.tokens
    tokens = min(float(burst), start + passed * per_s)
    got = min(want, int(tokens))
    full = msgspec.structs.replace(bucket, tokens=tokens - got, at=max(now, bucket.at))
    return full, got, 0 if got else ceil((1 - tokens) / per_s * 1000)


def refused(bucket: Bucket, rate: Rate | None, after_ms: int, now: int) -> Bucket:
    """Return the bucket after a 429 that asked for `after_ms` (0: it named no time)."""
    per_s = pace(bucket, rate, now)
    # What was under way when the first refusal came says nothing new.
    again = bool(bucket.learned) and now < bucket.until
    learned = bucket.learned if again else (per_s / 2 if per_s else _FIRST_PER_S)
    return Bucket(
        tokens=1.0,  # for the first who asks when the pause is over
        at=now,
        until=max(bucket.until, now + (after_ms or _PAUSE_MS)),
        learned=max(learned, _SLOWEST_PER_S),
        learned_at=now,
    )


def chunk(per_s: float) -> int:
    """Return how many tokens a process takes at a time: a quarter of a second's worth."""
    return max(1, int(per_s / 4))
