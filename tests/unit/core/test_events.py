from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core.events import matches

_words = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=5)
_pattern = st.lists(st.sampled_from(["a", "b", "ab", "*", "#"]), min_size=1, max_size=5)


def fits(pattern, words):
    """Whether words fit, tried out in every way."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(fits(pattern[1:], words[n:]) for n in range(len(words) + 1))
    return bool(words) and pattern[0] in {"*", words[0]} and fits(pattern[1:], words[1:])


@given(_pattern, _words)
def test_topics_fit_word_by_word(pattern, words):
    assert matches(".".join(pattern), ".".join(words)) == fits(pattern, words)


@pytest.mark.parametrize(
    ("pattern", "topic"),
    [
        ("run.1.entry", "run.1.entry"),
        ("run.*.entry", "run.1.entry"),
        ("run.1.*", "run.1.delta"),
        ("#", "run.1.delta"),
        ("run.#", "run"),
        ("run.#", "run.1.entry"),
        ("#.entry", "run.1.entry"),
        ("run.#.entry", "run.entry"),
        ("run.#.entry", "run.1.entry"),
        ("run.#.entry", "run.1.2.3.entry"),
        ("#.1.#.1", "1.1"),
        ("#.a.b", "a.a.b"),
        ("run.#.1.#.x", "run.1.1.2.x"),
    ],
)
def test_what_fits(pattern, topic):
    assert matches(pattern, topic)


@pytest.mark.parametrize(
    ("pattern", "topic"),
    [
        ("run.1", "run.12"),
        ("run.1", "run.1.entry"),
        ("run.*", "run"),
        ("run.*", "run."),
        ("run.*", "run.1.entry"),
        ("*", "run.1"),
        ("run.1.entr", "run.1.entry"),
        ("run.1.*y", "run.1.entry"),
        ("r.n", "run"),
        ("run.#.x", "run.1.y"),
        ("", "run"),
        ("run", ""),
    ],
)
def test_what_does_not_fit(pattern, topic):
    assert not matches(pattern, topic)


def test_no_topic_makes_matching_slow():
    began = perf_counter()
    assert not matches(".".join(["#", "a"] * 12 + ["b"]), ".".join(["a"] * 400))
    assert perf_counter() - began < 0.5
