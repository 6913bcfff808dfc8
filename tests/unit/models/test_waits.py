import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.models.wires.waits import retry_after

NOW = 1_795_392_000.0  # 2026-11-23T00:00:00Z


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Mon, 23 Nov 2026 00:01:30 GMT"}, 90.0),
        ({"retry-after": "Sun, 22 Nov 2026 23:00:00 GMT"}, 0.0),
        ({"x-ratelimit-reset-requests": "1m30.5s", "x-ratelimit-remaining-requests": "0"}, 90.5),
        ({"x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-reset-requests": "1h", "x-ratelimit-remaining-requests": "17"}, None),
        (
            {
                "x-ratelimit-reset-requests": "2s",
                "x-ratelimit-reset-tokens": "6s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-remaining-tokens": "0",
            },
            6.0,
        ),
        (
            {
                "anthropic-ratelimit-tokens-reset": "2026-11-23T00:00:42Z",
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-23T01:00:00Z",
                "anthropic-ratelimit-requests-remaining": "5",
            },
            42.0,
        ),
        ({"x-ratelimit-reset": str(int((NOW + 30) * 1000))}, 30.0),
        ({"x-ratelimit-reset": str(int(NOW + 30))}, 30.0),
        ({"x-ratelimit-reset-after": "12"}, 12.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_every_way_to_say_how_long(headers, seconds):
    assert retry_after(headers, "", NOW) == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached. Please try again in 1.242s. Visit …", 1.242),
        ("Please try again in 20ms.", 0.02),
        ("try again in 6 minutes", 360.0),
        ("Please retry after 14 seconds.", 14.0),
        ("try again later", None),
    ],
)
def test_a_sentence_tells_it_too(message, seconds):
    assert retry_after({}, message, NOW) == (seconds if seconds is None else pytest.approx(seconds))


def test_a_date_is_compared_with_the_clock_that_wrote_it():
    headers = {
        "date": "Mon, 23 Nov 2026 12:00:00 GMT",
        "retry-after": "Mon, 23 Nov 2026 12:00:10 GMT",
    }
    assert retry_after(headers, "", NOW - 86_400) == pytest.approx(10.0)


@given(
    st.dictionaries(
        st.sampled_from([
            "retry-after", "retry-after-ms", "date", "x-ratelimit-reset", "x-ratelimit-reset-tokens",
            "anthropic-ratelimit-requests-reset",
        ]),
        st.text(max_size=30),
    ),
    st.text(max_size=60),
)  # fmt: skip
def test_whatever_a_provider_writes_the_wait_is_a_number_or_nothing(headers, message):
    wait = retry_after(headers, message, NOW)
    assert wait is None or wait >= 0
