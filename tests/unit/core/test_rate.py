"""Nobody asks a provider more often than it may, and a refusal is learned from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core import rate as rt
from folkmoot.core.rate import Bucket, Rate

NOW = 1_795_000_000_000


def drawn(bucket, rate, calls):
    """Draw at each time (ms after NOW); return the times at which a token was given."""
    times = []
    for at, want in calls:
        bucket, got, _ = rt.take(bucket, rate, want, NOW + at)
        times += [at] * got
    return times


@given(
    per_s=st.integers(1, 50),
    burst=st.integers(1, 20),
    calls=st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 5)), max_size=200),
)
def test_in_no_span_of_time_more_is_given_than_burst_and_rate(per_s, burst, calls):
    times = drawn(Bucket(), Rate(per_s, burst), sorted(calls))
    for first, start in enumerate(times):
        for count, end in enumerate(times[first:], start=1):
            assert count <= burst + per_s * (end - start) / 1000 + 1e-6


def test_who_waits_as_long_as_is_said_gets_a_token():
    rate = Rate(2.0, 1)
    bucket, got, wait = rt.take(Bucket(), rate, 1, NOW)
    assert (got, wait) == (1, 0)
    bucket, got, wait = rt.take(bucket, rate, 1, NOW)
    assert (got, wait) == (0, 500)
    assert rt.take(bucket, rate, 1, NOW + wait)[1] == 1


def test_after_a_refusal_nobody_asks_until_the_time_that_was_named():
    rate = Rate(100.0, 100)
    bucket = rt.refused(Bucket(), rate, 30_000, NOW)
    assert rt.take(bucket, rate, 1, NOW + 29_999)[1:] == (0, 1)
    assert rt.pace(bucket, rate, NOW + 30_000) == 50.0
    assert rt.pace(bucket, rate, NOW + 40_000) == 100.0
    assert rt.pace(bucket, rate, NOW + 90_000) == 100.0


def test_several_refusals_of_one_crowd_are_one():
    rate = Rate(100.0, 100)
    bucket = rt.refused(Bucket(), rate, 5_000, NOW)
    for _ in range(10):
        bucket = rt.refused(bucket, rate, 1_000, NOW + 10)
    assert (bucket.until, bucket.learned) == (NOW + 5_000, 50.0)
    assert rt.refused(bucket, rate, 0, NOW + 5_000).learned == 25.0


def test_without_a_set_rate_it_begins_slowly_and_is_free_again():
    bucket = rt.refused(Bucket(), None, 0, NOW)
    assert bucket.until == NOW + 1_000
    assert rt.pace(bucket, None, NOW + 1_000) == 1.0
    assert rt.pace(bucket, None, NOW + 31_000) == 8.0
    assert rt.pace(bucket, None, NOW + 120_000) == 0.0
    assert rt.take(bucket, None, 7, NOW + 120_000)[1:] == (7, 0)


def test_a_clock_that_goes_back_gives_no_more():
    rate = Rate(1.0, 1)
    bucket, got, _ = rt.take(Bucket(), rate, 1, NOW)
    bucket, _, _ = rt.take(bucket, rate, 1, NOW - 10_000)
    assert (got, rt.take(bucket, rate, 1, NOW)[1]) == (1, 0)


@pytest.mark.parametrize(
    ("text", "per_s"), [("500/min", 500 / 60), ("50/s", 50.0), (" 3600 / h ", 1.0)]
)
def test_rates_are_read(text, per_s):
    assert rt.parse(text).per_s == per_s
    assert rt.named(f"openai={text}")[0] == "openai"


@pytest.mark.parametrize("text", ["", "5", "5/day", "0/s", "-1/s", "x/s", "1.5/s"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ValueError, match="is not a rate"):
        rt.parse(text)
    with pytest.raises(ValueError, match="names no provider"):
        rt.named(text)


def test_a_bucket_is_kept_as_it_is():
    bucket = Bucket(1.5, 2, 3, 4.5, 5)
    assert rt.read(rt.write(bucket)) == bucket
