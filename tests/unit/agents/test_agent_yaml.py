"""YAML is read after the core schema of 1.2, with positions, and never grows beyond its limits."""

import codecs

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.agents import nodes
from folkmoot.agents import text as texts
from folkmoot.agents.mistakes import Mistake
from folkmoot.agents.nodes import MAX_DEPTH, Spot, Unreadable
from folkmoot.agents.shelf import MAX_BYTES, Folder
from folkmoot.agents.tree import MAX_VALUES, grow

LOADERS = [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)]


@pytest.fixture(params=LOADERS, ids=["python", "c"])
def loader(request):
    return request.param


def values(text):
    tree = grow("a.yaml", text)
    assert tree.mistakes == []
    return tree.data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("12", 12),
        ("-7", -7),
        ("0o17", 15),
        ("0x1F", 31),
        ("010", 10),
        ("1:30", "1:30"),
        ("2026-11-23", "2026-11-23"),
        ("1_000", "1_000"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("=", "="),
        ("9" * 41, "9" * 41),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(text, value):
    found = values(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


def test_blocks_lists_and_mappings_are_read():
    text = "a: |\n  one\n  two\nb: [1, {c: d}]\ne:\n  - f\n  - g: h\n"
    assert values(text) == {"a": "one\ntwo\n", "b": [1, {"c": "d"}], "e": ["f", {"g": "h"}]}


def test_an_alias_stands_for_what_its_anchor_names_and_has_its_own_place():
    tree = grow("a.yaml", "a: &x {b: 1}\nc: *x\n")
    assert tree.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert tree.spot(("c",)) == Spot(2, 4)


def test_every_key_and_value_knows_where_it_stands():
    tree = grow("a.yaml", "ä: 'ü'\nb:\n  - c: 1\n    d: 2\n")
    assert tree.spot(("ä",)) == Spot(1, 4)
    assert tree.spot(("b", 0, "d"), key=True) == Spot(4, 5)
    assert tree.spot(("b", 0, "d")) == Spot(4, 8)
    assert tree.spot(("b", 0, "missing")) == Spot(3, 5)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a:\n\tb: 1", 2, 1, "a tab stands where spaces indent"),
        ("a: @x", 1, 4, "text that begins with @ needs quotes"),
        ("a: `x`", 1, 4, "text that begins with ` needs quotes"),
        ("a: b: c", 1, 5, "text with ': ' in it needs quotes"),
        ("a: 'x", None, None, "a quote is opened and never closed"),
        ("a: [1,", None, None, "bracket not closed"),
        ("- a\nb: c", 2, 1, "indented wrongly"),
        ("a: *x", 1, 4, "*x refers to nothing"),
        ("a: &x [*x]", 1, 8, "*x stands inside itself"),
        ("--- {a: 1}\n--- {b: 2}", 2, 1, "a second document begins here"),
        ("a: !!python/object:os.system x", 1, 4, "is not read here"),
        ("a: !secret x", 1, 4, "the tag !secret is not read here"),
        ("a: !!map {b: 1}", 1, 4, "is not read here"),
        ("a: !!binary aGk=", 1, 4, "is not read here"),
    ],
)
def test_what_is_not_yaml_is_answered_with_its_place(loader, text, line, column, words):
    with pytest.raises(Unreadable) as caught:
        nodes.parse(text, loader)
    assert words in f"{caught.value.problem} {caught.value.hint}"
    if line is not None:
        assert caught.value.spot == Spot(line, column)


def test_both_parsers_build_the_same_values(loader):
    text = "a: [1, 'two', {three: 3.0}]\nb: &b |\n  x\nc: *b\n"
    root = nodes.parse(text, loader)
    assert [node.spot for node in root.items[::2]] == [Spot(1, 1), Spot(2, 1), Spot(4, 1)]


def test_two_equal_keys_are_a_mistake_and_the_first_one_counts():
    tree = grow("a.yaml", "a: 1\nb: {c: 1, c: 2}\na: 3\n")
    assert tree.data == {"a": 1, "b": {"c": 1}}
    assert [str(one) for one in tree.mistakes] == [
        "a.yaml:2:11: b.c: stands twice; first on line 2",
        "a.yaml:3:1: a: stands twice; first on line 1",
    ]


@pytest.mark.parametrize("key", ["1", "true", "~", "[a]", "{a: b}", "''"])
def test_a_key_that_is_not_text_is_a_mistake(key):
    [found] = grow("a.yaml", f"? {key}\n: x\n").mistakes
    assert found.problem == "a key must be text"


def test_a_bomb_of_aliases_is_refused_before_it_grows():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    [found] = grow("a.yaml", "\n".join(lines)).mistakes
    assert "too much" in found.problem


def test_a_bomb_of_long_texts_is_refused():
    text = f"a: &a {'x' * 500_000}\nb: [{', '.join(['*a'] * 50)}]\n"
    [found] = grow("a.yaml", text).mistakes
    assert "too much" in found.problem


def test_deep_nesting_is_refused_and_does_not_exhaust_the_stack():
    for text in ("[" * 5000, "a: " + "{b: " * 5000, "- " * 5000 + "x"):
        [found] = grow("a.yaml", text).mistakes
        assert f"more than {MAX_DEPTH} deep" in found.problem


def test_aliases_cannot_build_the_depth_that_brackets_may_not():
    chain = "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 100))
    [found] = grow("a.yaml", f"a0: &a0 x\n{chain}").mistakes
    assert "too much" in found.problem


def test_very_many_values_are_refused():
    [found] = grow("a.yaml", "[" + "x," * (MAX_VALUES + 1) + "]").mistakes
    assert "too much" in found.problem


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text):
    tree = grow("a.yaml", text.replace("\x00", ""))
    assert all(isinstance(one, Mistake) for one in tree.mistakes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("ab: #'\"-\n", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abc ", min_size=1, max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=4), JSON, max_size=4))
def test_what_yaml_writes_is_read_back(data):
    assert values(yaml.safe_dump(data)) == data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("a: ü".encode("utf-16"), "UTF-16"),
        ("a: ü".encode("utf-32"), "UTF-32"),
        (b"a: b\nc: \xfc", "a.yaml:2:4: the byte 0xFC is not UTF-8"),
        (b"a: b\nc: x\x00", "a.yaml:2:5: the character U+0000"),
        (b"a: \x1b[31m", "a.yaml:1:4: the character U+001B"),
        (b"x" * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_a_file_that_is_no_text_is_answered(tmp_path, monkeypatch, data, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.yaml"
    path.write_bytes(data)
    found = texts.read(Folder(tmp_path.relative_to(tmp_path)), path.name)
    assert isinstance(found, Mistake)
    assert words in str(found)


def test_a_byte_order_mark_is_not_text(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(codecs.BOM_UTF8 + "a: ü".encode())
    assert texts.read(Folder(tmp_path), path.name) == "a: ü"


def test_a_missing_file_and_a_folder_are_answered(tmp_path):
    missing = texts.read(Folder(tmp_path), "none.yaml")
    assert isinstance(missing, Mistake)
    assert "cannot be read" in missing.problem
    folder = texts.read(Folder(tmp_path), "")
    assert isinstance(folder, Mistake)
    assert folder.problem == "this is not a file"
