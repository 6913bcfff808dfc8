"""The assignment: read strictly, kept as it is, shown in a line."""

import json

import pytest

from folkmoot.assignment import read, shown
from folkmoot.core.errors import AssignmentInvalid

WHOLE = {
    "agent_id": "w-7",
    "role": "developer",
    "expertise": ["go", "sql"],
    "reports_to": "lead-1",
    "max_tasks": 5,
    "bootstrap_peers": ["/ip4/10.0.0.1/tcp/9000"],
    "join_stagger_ms": 5000,
}


def test_the_sources_assignment_is_read_as_it_is():
    found = read(json.dumps(WHOLE).encode(), "here")
    assert found.overlay() == {"concurrency": 5}
    assert (found.expertise, found.join_stagger_ms) == (("go", "sql"), 5000)
    assert found.shown() == (
        "agent_id w-7; role developer; expertise go, sql; reports_to lead-1; "
        "bootstrap_peers /ip4/10.0.0.1/tcp/9000; join_stagger_ms 5000; max_tasks 5"
    )


@pytest.mark.parametrize("agents", [["a", "s3://b/c"], "a, s3://b/c"])
def test_it_may_say_where_agents_come_from(agents):
    found = read(json.dumps({"agents": agents, "labels": {"zone": "x"}}).encode(), "here")
    assert found.overlay() == {"agents": ("a", "s3://b/c")}
    assert "labels zone=x" in found.shown()


def test_what_nobody_understands_is_told_and_not_refused():
    found = read(b'{"role": "admin", "newer": 1}', "here")
    assert found.unknown == ["newer"]
    assert found.shown() == "role admin; not understood: newer"
    assert read(b"{}", "here").shown() == "nothing in particular"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"no json", "here answers no assignment"),
        (b"[]", "the answer"),
        (b'{"max_tasks": "5"}', "max_tasks: Input should be a valid integer"),
        (b'{"max_tasks": 0}', "max_tasks"),
        (b'{"join_stagger_ms": 99999999}', "join_stagger_ms"),
        (b'{"expertise": ["a", 1], "role": []}', "expertise.1"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_quoted(body, words):
    with pytest.raises(AssignmentInvalid) as caught:
        read(body, "here")
    assert words in caught.value.message
    assert "99999999" not in caught.value.message


def test_an_address_is_shown_without_what_may_be_secret():
    assert shown("https://me:key@host:1/a?token=key") == "https://host:1/a"
