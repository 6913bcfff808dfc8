"""Hints are divided among messages, and a message of several is done with when all of it is."""

from folkmoot.brokers.together import Bundle, gathered
from folkmoot.core.events import Event


def test_a_message_is_done_with_when_all_of_it_is():
    bundle = Bundle("message", 3)
    assert [bundle.finish() for _ in range(3)] == [False, False, True]


def test_hints_keep_their_order_whatever_travels_together():
    events = [
        Event("run.a.state", b"1"),
        Event("run.b.state", b"2"),
        Event("run.a.delta", b"3"),
        Event("run.a.state", b"4"),
        Event("run.c.state", b"x" * 10_000),
    ]
    parts = list(gathered(events))
    assert [event for _, part in parts for event in part] == events
    assert [(last, len(part)) for last, part in parts] == [
        ("state", 2),
        ("delta", 1),
        ("state", 1),
        ("", 1),
    ]


def test_no_message_has_too_many():
    events = [Event(f"run.{n}.state") for n in range(200)]
    assert [len(part) for _, part in gathered(events)] == [64, 64, 64, 8]


def test_a_last_word_that_is_too_long_travels_alone():
    events = [Event(f"run.{'x' * 51}")] * 2
    assert [(last, len(part)) for last, part in gathered(events)] == [("", 1), ("", 1)]
