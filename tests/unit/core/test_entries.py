import string
from typing import get_args

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from folkmoot.core import entries as e
from folkmoot.core.entries import GENESIS, Entry, Head, broken, link, write
from folkmoot.core.errors import JournalBroken
from folkmoot.core.messages import Thought, ToolCall
from folkmoot.core.spend import Hold, Usage
from folkmoot.core.task import ReplyTo, Task

BODIES = get_args(e.Body)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def journals(draw, min_size=1):
    head, journal = Head(), []
    for text, at in draw(st.lists(st.tuples(texts, st.integers(0, 9)), min_size=min_size)):
        body = draw(st.sampled_from([e.MessageAdded(text=text), e.Paused(by=text), e.Continued()]))
        journal.append(write(head, "run_1", at, body))
        head = Head(journal[-1].seq, journal[-1].hash)
    return journal


def place(draw, journal):
    return draw.draw(st.integers(0, len(journal) - 1))


def flipped(data, at, bit):
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


@given(journals())
def test_a_chain_that_nobody_touched_holds(journal):
    assert broken(journal) is None
    assert [entry.seq for entry in journal] == list(range(1, len(journal) + 1))


@given(journals(), st.data(), st.sampled_from(["body", "hash"]))
def test_any_touched_bit_is_found_where_it_is(journal, data, field):
    n = place(data, journal)
    old = getattr(journal[n], field)
    new = flipped(old, data.draw(st.integers(0, len(old) - 1)), data.draw(st.integers(0, 7)))
    journal[n] = msgspec.structs.replace(journal[n], **{field: new})
    assert broken(journal) == journal[n]


@given(journals(), st.data())
def test_any_other_touched_field_is_found_where_it_is(journal, data):
    n = place(data, journal)
    touched = {
        "run": st.sampled_from(["run_2", "run_", "run_11", ""]),
        "seq": st.integers(0, 20),
        "at": st.integers(-2, 20),
        "kind": st.sampled_from(["said", "run.paused", "run.continued", "run", "sai", ""]),
    }
    field = data.draw(st.sampled_from(sorted(touched)))
    value = data.draw(touched[field])
    assume(value != getattr(journal[n], field))
    journal[n] = msgspec.structs.replace(journal[n], **{field: value})
    assert broken(journal) == journal[n]


@pytest.mark.parametrize("kind", ["sai", "said.", "", "run.paused"])
def test_a_kind_that_the_body_does_not_say_is_found(kind):
    entry = write(Head(), "run_1", 0, e.MessageAdded(text="x"))
    assert broken([msgspec.structs.replace(entry, kind=kind)]) is not None


@given(journals(min_size=2), st.data())
def test_swapped_entries_are_found(journal, data):
    one, two = sorted(data.draw(st.sets(st.integers(0, len(journal) - 1), min_size=2, max_size=2)))
    journal[one], journal[two] = journal[two], journal[one]
    assert broken(journal) == journal[one]


@given(journals(min_size=2), st.data())
def test_a_missing_entry_is_found_at_the_gap(journal, data):
    n = data.draw(st.integers(0, len(journal) - 2))
    del journal[n]
    assert broken(journal) == journal[n]


@given(journals(), st.data())
def test_a_duplicated_entry_is_found(journal, data):
    n = place(data, journal)
    journal.insert(n, journal[n])
    assert broken(journal) == journal[n + 1]


@given(journals(min_size=2), st.data())
def test_an_entry_that_was_written_anew_breaks_what_follows(journal, data):
    n = data.draw(st.integers(0, len(journal) - 2))
    before = Head(n, journal[n - 1].hash if n else GENESIS)
    forged = write(before, "run_1", journal[n].at, e.MessageAdded(text="forged"))
    assume(forged != journal[n])
    journal[n] = forged
    assert broken(journal) == journal[n + 1]


@given(journals(), st.data())
def test_a_chain_is_verified_from_any_known_head(journal, data):
    n = place(data, journal)
    head = Head(n, journal[n - 1].hash if n else GENESIS)
    assert broken(journal[n:], head) is None
    assert broken(journal[n:], Head(n, bytes(31) + b"x")) == journal[n]


def test_a_cut_off_end_shows_only_against_the_head_that_was_kept_elsewhere():
    first = write(Head(), "run_1", 0, e.Paused())
    second = write(Head(1, first.hash), "run_1", 0, e.Continued())
    assert broken([first]) is None
    assert (first.seq, first.hash) != (second.seq, second.hash)


def test_what_is_hashed_cannot_be_cut_up_differently():
    runs = ["a", "a|1", "a|1|2", "1", "1|2", ""]
    numbers = [0, 1, 2, 12, 21, 112]
    hashes = {
        link(GENESIS, run, seq, at, b"{}") for run in runs for seq in numbers for at in numbers
    }
    assert len(hashes) == len(runs) * len(numbers) ** 2


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_the_kind_of_an_entry_is_the_one_that_its_body_says(body):
    entry = write(Head(), "run_1", 0, sample(body))
    assert entry.kind == msgspec.json.decode(entry.body)["kind"]
    assert broken([entry]) is None


def test_no_two_bodies_share_a_kind():
    assert len({body.__struct_config__.tag for body in BODIES}) == len(BODIES)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_every_body_reads_back_as_it_was_written(body):
    said = sample(body)
    assert write(Head(), "run_1", 0, said).read() == said


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"kind":"unheard.of"}', b'{"kind":"said"}', b'{"kind":"said","text":1}']
)
def test_bytes_that_are_not_ours_are_refused(body):
    with pytest.raises(JournalBroken, match="run_1"):
        Entry("run_1", 1, 0, "said", body, GENESIS).read()


_TASK = Task(
    agent="a", input="\0 \U0001f98a", reply_to=ReplyTo("hub", "t/1"), labels={"a": "b"}, deadline=7
)
_NESTED = {
    "task": _TASK,
    "calls": (ToolCall("c1", "t", {"a": [1, {"b": None}]}), ToolCall("c2", "t", raw="{")),
    "thoughts": (Thought("p", {"signature": "s", "n": [1.5, True]}),),
    "usage": Usage(1, 2, 3, 4),
    "holds": (Hold("s", 1, 2),),
    "data": {"a": [1, "b", None, {"c": 2.5}]},
    "by": ("ann", "bob"),
    "lost": ("c1",),
    "reply_to": ReplyTo("hub", "t/1"),
}


def sample(body):
    """A body with every field set to something that is not its default."""
    given = {}
    for field in msgspec.structs.fields(body):
        many = field.name in _NESTED and field.type is not str
        given[field.name] = _NESTED[field.name] if many else _plain(field)
    return body(**given)


def _plain(field):
    if field.type is bool:
        return not field.default if field.default is not msgspec.NODEFAULT else True
    if field.type is str:
        return f"{field.name} \0 \U0001f98a " + string.punctuation
    return 7
