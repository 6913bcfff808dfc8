"""Announcements and hints that are said together travel together over RabbitMQ, and come out as they went in."""

import pytest

from folkmoot.core.events import Event

bundles = pytest.importorskip("folkmoot.brokers.rabbitmq.bundles", exc_type=ImportError)


class Message:
    def __init__(self, body: bytes, content_type: str | None, routing_key: str = "") -> None:
        self.body = body
        self.content_type = content_type
        self.routing_key = routing_key


@pytest.mark.parametrize("runs", [["r1"], ["[r1]"], ["r1", "r2"], [f"r{n}" for n in range(8)]])
def test_announcements_come_out_as_they_went_in(runs):
    assert bundles.runs_in(Message(*bundles.announcement(runs))) == runs


@pytest.mark.parametrize(
    ("body", "kind"), [(b"\xff", None), (b"{}", "application/json"), (b"[1]", "application/json")]
)
def test_what_is_no_run_id_is_nothing(body, kind):
    assert bundles.runs_in(Message(body, kind)) == []


def heard(events):
    messages = [Message(body, kind, key) for key, body, kind in bundles.hints(events)]
    return messages, [event for each in messages for event in bundles.events_in(each)]


def test_hints_keep_their_order_whatever_travels_together():
    events = [
        Event("run.a.state", b"1"),
        Event("run.b.state", b"2"),
        Event("run.a.delta", b"3"),
        Event("run.a.state", b"4"),
        Event("run.c.state", b"x" * 10_000),
    ]
    messages, found = heard(events)
    assert found == events
    assert [each.routing_key for each in messages] == [
        "many.state",
        "run.a.delta",
        "run.a.state",
        "run.c.state",
    ]


def test_no_message_has_too_many():
    events = [Event(f"run.{n}.state") for n in range(200)]
    messages, found = heard(events)
    assert (len(messages), found) == (4, events)
