"""`folkmoot emit`, `folkmoot dead`."""

import asyncio

import pytest

from folkmoot.core import envelope as envelopes
from folkmoot.core import letters
from folkmoot.core.changes import PutRecord
from folkmoot.core.envelope import Envelope
from folkmoot.core.letters import DEAD, EVENT, Letter


def outbox(desk):
    items = asyncio.run(desk.timetable.store.outbox(desk.clock.now(), 10))
    return [envelopes.read(item.body) for item in items]


@pytest.fixture
def bury(desk):
    def act(name, **fields):
        event = Envelope(event_id=name, event_type="a.b", timestamp="2026-01-31T12:00:00Z")
        given = {"event": event, "tries": 5, "error": "It has no id.", **fields}
        letter = Letter(subscription="reader", id=name, **given)
        put = PutRecord(kind=DEAD, key=letter.key, body=letters.write(letter))
        asyncio.run(desk.timetable.store.write(put))

    return act


def test_an_event_is_published(folkmoot, desk):
    said = folkmoot("emit", "orders.created", "--payload", '{"id": 7}', "--priority", "high")
    (event,) = outbox(desk)
    assert (said.code, said.out.strip()) == (0, event.event_id)
    assert (event.event_type, event.payload, event.priority) == (
        "orders.created",
        {"id": 7},
        "high",
    )


def test_the_same_id_is_the_same_event(folkmoot, desk):
    for _ in range(2):
        said = folkmoot("emit", "a", "--id", "1", "--ttl", "5", "--json")
        assert said.document == {"event_id": "1"}
    assert [event.ttl_seconds for event in outbox(desk)] == [5.0]


@pytest.mark.parametrize(
    "words",
    [
        ("a.*",),
        ("a", "--payload", "[1]"),
        ("a", "--payload", "{"),
        ("a", "--id", "x/y"),
        ("a", "--priority", "urgent"),
        ("a", "--ttl", "-1"),
    ],
)
def test_what_is_no_event_is_a_mistake(folkmoot, desk, words):
    assert folkmoot("emit", *words).code == 2
    assert outbox(desk) == []


def test_dead_letters_are_listed_and_shown(folkmoot, bury):
    said = folkmoot("dead", "list")
    assert (said.code, said.out) == (0, "")
    assert "No dead letters" in said.err
    bury("e-1")
    said = folkmoot("dead", "list")
    for word in ("reader/e-1", "a.b", "5", "It has no id."):
        assert word in said.out
    [letter] = folkmoot("dead", "list", "--json").document["dead"]
    assert (letter["key"], letter["tries"]) == ("reader/e-1", 5)
    assert folkmoot("dead", "show", "reader/e-1", "--json").document == {"letter": letter}
    assert '"event_type":"a.b"' in folkmoot("dead", "show", "reader/e-1").out
    assert folkmoot("dead", "show", "reader/none").code == 3


def test_dead_letters_are_tried_again(folkmoot, bury, desk):
    bury("1")
    bury("2")
    bury("3", event=None, raw="{")
    assert folkmoot("dead", "retry").code == 2
    assert folkmoot("dead", "retry", "reader/1", "--all").code == 2
    assert folkmoot("dead", "retry", "reader/1").out == "reader/1 retried.\n"
    assert folkmoot("dead", "retry", "reader/3").code == 5
    done = folkmoot("dead", "retry", "--all", "--json").document
    assert done == {"retried": ["reader/2"], "left": ["reader/3"]}
    kept = asyncio.run(desk.timetable.store.records(EVENT))
    assert [record.key for record in kept] == ["reader/1", "reader/2"]


def test_dead_letters_are_forgotten(folkmoot, bury):
    bury("1")
    bury("2", event=None, raw="{")
    assert folkmoot("dead", "drop", "reader/1").code == 0
    assert folkmoot("dead", "drop", "reader/1").code == 3
    assert folkmoot("dead", "drop", "--all", "--json").document["dropped"] == ["reader/2"]
