import pytest

from folkmoot.core.effects import Effect
from folkmoot.core.errors import Invalid
from folkmoot.ports.tool import ToolSpec
from folkmoot.tools.arguments import check


class Bare:
    def __init__(self, schema):
        self.spec = ToolSpec(name="t", description="t", schema=schema, effect=Effect.PURE)


TOOL = Bare(
    {
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1},
            "limit": {"type": "integer", "maximum": 10},
            "mode": {"enum": ["fast", "slow"]},
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"key": {"type": "string"}},
                    "required": ["key"],
                    "additionalProperties": False,
                },
            },
            "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["path"],
        "additionalProperties": False,
    }
)


@pytest.mark.parametrize(
    ("args", "mistakes"),
    [
        ({"path": "a", "limit": 3, "mode": "fast", "items": [{"key": "k"}], "maybe": None}, []),
        ({}, ["`path` is missing."]),
        ({"path": 3}, ["`path` must be a string."]),
        ({"path": ""}, ["`path` is shorter than 1 character."]),
        ({"path": "a", "limit": 11}, ["`limit` is greater than the maximum of 10."]),
        ({"path": "a", "mode": "x"}, ['`mode` must be one of: "fast", "slow".']),
        ({"path": "a", "items": [{"key": "k"}, {}]}, ["`items[1].key` is missing."]),
        ({"path": "a", "items": [{"key": "k", "x": 1}]}, ["`items[0].x` is not expected."]),
        ({"path": "a", "limits": 1}, ["`limits` is not an argument of this tool; did you mean `limit`?"]),
        (
            {"path": "a", "maybe": 3},
            ["One of these must be mended: `maybe` must be a string. Or: `maybe` must be null."],
        ),
    ],
)  # fmt: skip
def test_mistakes_name_the_argument_and_what_was_expected(args, mistakes):
    assert check(TOOL, args) == mistakes


def test_an_argument_like_none_of_them_is_answered_with_all_of_them():
    (mistake,) = check(TOOL, {"path": "a", "zzz": 1})
    assert "It takes: path, limit, mode, items, maybe." in mistake


def test_a_value_is_never_repeated():
    tool = Bare(
        {
            "type": "object",
            "properties": {
                "a": {"type": "integer"},
                "b": {"pattern": "^x$"},
                "c": {"const": 1},
                "d": {"anyOf": [{"type": "null"}, {"minLength": 99}]},
                "e": {"maxLength": 2},
                "f": {"not": {"type": "string"}},
            },
        }
    )
    mistakes = check(tool, dict.fromkeys("abcdef", "hunter2"))
    assert len(mistakes) == 6
    assert "hunter2" not in str(mistakes)


def test_many_mistakes_are_cut_short():
    tool = Bare({"type": "object", "required": [f"r{n}" for n in range(50)]})
    mistakes = check(tool, {})
    assert len(mistakes) == 11
    assert "40 more" in mistakes[-1]


def test_two_schemas_are_never_mixed_up():
    for n in range(2000):
        tool = Bare({"type": "object", "required": [f"r{n}"]})
        assert check(tool, {}) == [f"`r{n}` is missing."]


@pytest.mark.parametrize("schema", [{"type": "banana"}, {"$ref": "http://127.0.0.1:9/schema"}])
def test_a_schema_that_cannot_be_used_is_refused_and_nothing_is_fetched(schema):
    with pytest.raises(Invalid, match="schema"):
        check(Bare(schema), {})
