from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core.spend import NANOS_PER_USD, Price, Spend, Usage, nanos

_counts = st.integers(0, 10**12)
_prices = st.integers(0, 10**9)
_spends = st.builds(Spend, *[_counts] * 6)


@given(st.tuples(*[_counts] * 4), st.tuples(*[_prices] * 4))
def test_a_price_is_exact(tokens, prices):
    plain, out, read, write = tokens
    usage = Usage(plain + read + write, out, read, write)
    cost = Price(*prices).of(usage)
    assert cost == sum(count * price for count, price in zip(tokens, prices, strict=True))
    assert isinstance(cost, int)


@given(_counts, _counts, _counts, _prices)
def test_cached_tokens_without_a_price_cost_as_input(plain, read, write, per_in):
    usage = Usage(input=plain + read + write, cache_read=read, cache_write=write)
    assert Price(per_in).of(usage) == usage.input * per_in


def test_a_price_of_nothing_for_cached_tokens_is_a_price():
    assert Price(5, 0, 0, 0).of(Usage(input=10, cache_read=4, cache_write=3)) == 15


def test_a_provider_that_counts_cached_tokens_apart_is_never_paid_by_us():
    assert Price(5, 1, 2).of(Usage(input=1, output=1, cache_read=10)) == 21


def test_three_dollars_a_million_tokens():
    assert Price(input=3000).of(Usage(input=1_000_000)) == nanos(3.0) == 3 * NANOS_PER_USD


@given(_spends, _spends, _spends)
def test_sums_do_not_depend_on_their_order(a, b, c):
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Spend() == a


@given(_spends, _spends)
def test_every_field_is_summed(a, b):
    for field in Spend.__struct_fields__:
        assert getattr(a + b, field) == getattr(a, field) + getattr(b, field)


def test_tokens_and_dollars_of_a_spend():
    spend = Spend(input=7, output=5, nanos=NANOS_PER_USD, uncertain=NANOS_PER_USD // 2)
    assert (spend.tokens, spend.usd) == (12, 1.5)
    assert Usage(7, 5, 3, 2).total == 12


def test_dollars_are_rounded_and_not_cut():
    assert [nanos(usd) for usd in (2.01, 4.1, 0.1)] == [2_010_000_000, 4_100_000_000, 100_000_000]


@given(st.integers(0, 2**50))
def test_dollars_come_back_as_the_nanos_they_were(amount):
    assert nanos(amount / NANOS_PER_USD) == amount


@given(st.integers(0, 10**9), st.integers(0, 6))
def test_dollars_as_people_write_them_are_exact(digits, places):
    text = Fraction(digits, 10**places)
    assert nanos(float(text)) == round(text * NANOS_PER_USD)


@pytest.mark.parametrize("usd", [float("nan"), float("inf")])
def test_no_amount_is_no_amount(usd):
    with pytest.raises((ValueError, OverflowError)):
        nanos(usd)
