"""Announcements and hints that are said together travel together over NATS, and come out as they went in."""

import msgspec
import pytest

from folkmoot.brokers.together import Bundle
from folkmoot.brokers.words import Back, Put, Taken
from folkmoot.core.events import Event

bundles = pytest.importorskip("folkmoot.brokers.nats.bundles", exc_type=ImportError)


def puts(*runs, priority="normal"):
    return [Put("q", run, priority, f"me-{n}-{priority}") for n, run in enumerate(runs)]


def found(messages):
    return [bundles.runs_in(f"folkmoot.work.{x.name}", x.body) for x in messages]


def test_one_announcement_is_a_message_under_the_runs_own_name():
    (message,) = bundles.announcements(puts("run 1"))
    assert message == ("q.normal.run%201", b"run 1", "me-0-normal")


@pytest.mark.parametrize("name", ["many-1", "%many-1", '["run"]', "%", "é"])
def test_no_run_is_taken_for_several(name):
    assert found(bundles.announcements(puts(name))) == [[name]]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16, 100, 500])
def test_what_is_said_at_once_keeps_its_order_and_finds_two_takers(count):
    runs = [f"run_{n}" for n in range(count)]
    sizes = [len(x) for x in found(bundles.announcements(puts(*runs)))]
    assert [run for x in found(bundles.announcements(puts(*runs))) for run in x] == runs
    assert max(sizes) <= 8
    assert len(sizes) >= min(2, count)


def test_priorities_travel_apart():
    urgent, plain = puts("a", "b", "c", "d", priority="high"), puts("e", "f", "g", "h")
    mixed = [put for pair in zip(urgent, plain, strict=True) for put in pair]
    assert found(bundles.announcements(mixed)) == [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]]


def test_only_the_same_announcements_have_the_same_mark():
    """What is said twice for want of an answer is one message; with other company it is another."""
    said = puts("a", "b", "c", "d", "e", "f")
    first, again, fewer = (list(bundles.announcements(x)) for x in (said, said, said[:4]))
    assert first == again
    assert not {x.mark for x in first} & {x.mark for x in fewer}
    assert not {x.name for x in first} & {x.name for x in fewer}


@pytest.mark.parametrize(
    ("subject", "body"),
    [("w.q.low.a", b"\xff"), ("w.q.low.%many-1", b"{}"), ("w.q.low.%many-1", b"[1]")],
)
def test_what_is_no_run_id_is_nothing(subject, body):
    assert bundles.runs_in(subject, body) == []


def taken(size, reply="reply"):
    bundle = Bundle(reply, size)
    return bundle, [Taken("q", f"run_{n}", "high", bundle) for n in range(size)]


def test_what_goes_back_whole_goes_back_as_it_is():
    one, first = taken(3)
    other, second = taken(1)
    assert bundles.divided([Back(x) for x in (*first, *second)]) == ([one, other], [])


def test_what_goes_back_in_part_is_announced_anew():
    bundle, all_of_it = taken(3)
    bundle.finish()
    split = [Back(x) for x in all_of_it[1:]]
    assert bundles.divided(split) == ([], split)
    assert bundles.anew(split[0]) == Put("q", "run_1", "high", "reply/run_1")


def test_what_was_given_back_and_is_said_again_is_not_announced():
    """The connection ended before the server answered."""
    bundle, all_of_it = taken(2)
    for _ in range(2):
        assert bundles.divided([Back(x) for x in all_of_it]) == ([bundle], [])


def test_hints_come_out_as_they_went_in():
    events = [Event(f"run.{n}.state", b"\xff") for n in range(64)]
    assert bundles.unpack(bundles.pack("mark", events)) == ("mark", events)
    assert bundles.unpack(msgspec.msgpack.encode(1)) == ("", [])
