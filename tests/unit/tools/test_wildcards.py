import re
from fnmatch import translate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core.errors import Invalid
from folkmoot.tools.files.wildcard import Names, Wildcard
from folkmoot.tools.regex import Pattern, literal

NAME = st.text(alphabet="ab*?.-+$(\\ é", min_size=1, max_size=8).filter(lambda s: s != "..")


@given(st.text(min_size=1, max_size=20).filter(lambda s: s.isprintable()))
def test_a_literal_fits_itself_and_nothing_longer(text):
    pattern = Pattern(f"^(?:{literal(text)})$")
    assert pattern.found(text)
    assert not pattern.found(text + "x")
    assert not pattern.found("x" + text)


@given(NAME, NAME)
def test_names_fit_as_they_do_elsewhere(wildcard, name):
    if wildcard in {".", "**"}:
        return
    expected = re.match(translate(wildcard), name) is not None
    assert Wildcard(wildcard).fits(name) is expected


@pytest.mark.parametrize(
    ("wildcard", "path", "fits"),
    [
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "a/xb", False),
        ("**", "a/b", True),
        ("a/**", "a", False),
        ("a/**", "ab/c", False),
        ("*", "a/b", False),
        ("a?c", "a/c", False),
        ("a[!x]c", "a/c", False),
        ("[]a]", "]", True),
        ("{a,b}/{c,d}", "b/c", True),
        ("{a,b}/{c,d}", "a,b/c", False),
        ("a{b", "a{b", True),
        ("x\ny", "x\ny", True),
        ("**", "x\ny", True),
    ],
)
def test_segments(wildcard, path, fits):
    assert Wildcard(wildcard).fits(path) is fits


@pytest.mark.parametrize("text", ["", ".", "/", "/a", "a/../b", "..", "[!]", "{a,{b,c}}"])
def test_wildcards_that_lead_elsewhere_or_mean_nothing_are_refused(text):
    with pytest.raises(Invalid):
        Wildcard(text)


def test_too_many_ways_are_refused():
    with pytest.raises(Invalid, match="stands for more"):
        Wildcard("{a,b,c,d,e,f,g,h}{a,b,c,d,e,f,g,h}{a,b}")


def test_a_set_of_names():
    names = Names(["*.pyc", ".git", ".venv*"])
    assert all(name in names for name in ("a.pyc", ".git", ".venv", ".venv-3"))
    assert not any(name in names for name in ("a.py", ".gitignore", "x.git", "venv"))
    assert "a" not in Names([])
