import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.cli import text
from folkmoot.core.spend import Spend


@given(st.text())
def test_clean_text_holds_nothing_that_a_terminal_obeys(value):
    for character in text.clean(value):
        assert character in "\n\t" or unicodedata.category(character) != "Cc"


def test_clean_keeps_words_lines_and_other_alphabets():
    assert text.clean("a\tb\r\nŁódź ✓") == "a\tb\nŁódź ✓"


def test_marks_that_turn_the_direction_of_writing_are_taken_out():
    assert "\u202e" not in text.clean("safe\u202egpj.exe")


@given(st.text(), st.integers(min_value=20, max_value=200))
def test_short_is_one_line_of_the_width(value, width):
    line = text.short(value, width)
    assert "\n" not in line
    assert len(line) <= width


def test_short_says_how_much_it_left_out():
    assert text.short("one\ntwo\nthree") == "one (+2 lines)"


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1500, "1.5 s"),
        (90_000, "2 min"),
        (7_200_000, "2 h"),
        (172_800_000, "2 d"),
    ],
)
def test_durations_read_well(ms, words):
    assert text.span(ms) == words


@pytest.mark.parametrize(
    ("nanos", "words"),
    [(0, "$0.00"), (1_500_000_000, "$1.50"), (1_500_000, "$0.0015"), (10_000_000, "$0.01")],
)
def test_money_keeps_the_digits_that_matter(nanos, words):
    assert text.money(nanos) == words


def test_spend_names_what_is_uncertain():
    line = text.spent(Spend(1200, 34, 0, 2_000_000_000, 1, 2))
    assert line == (
        "1 model call, 2 tool calls, 1,200 + 34 tokens, $0.00, "
        "up to $2.00 more for calls whose end nobody saw"
    )
