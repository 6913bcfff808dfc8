from time import perf_counter
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core import entries as e
from folkmoot.core import view as v
from folkmoot.core.entries import Head, write
from folkmoot.core.messages import Answered, Returned, Said, ToolCall, rough_tokens
from folkmoot.core.pending import APPROVED, ASKED, OPEN, STARTED
from folkmoot.core.spend import Hold, Spend, Usage
from folkmoot.core.task import Task
from folkmoot.core.view import DOUBT, View, apply, fold
from folkmoot.testing.stories import stories


class Teller:
    """A journal told body by body, with its view."""

    def __init__(self, *bodies):
        self.view = View("run_1")
        self.journal = []
        self.tell(e.Created(task=Task(agent="a", input="task"), definition="d"), *bodies)

    def tell(self, *bodies, at=0):
        for body in bodies:
            entry = write(self.view.head, "run_1", at, body)
            self.journal.append(entry)
            apply(self.view, entry, body)
        return self.view


def reply(*calls, text="", **fields):
    made = tuple(ToolCall(call, "t") for call in calls)
    return e.ModelReplied(call="m", model="p:m", text=text, calls=made, **fields)


def asked(call, **fields):
    given = {"act": "t", "approval": "a1", "digest": "d1", "policy": "p", "reason": "r"}
    return e.StepAsked(call=call, **given | fields)


def returned(call, text="ok", **fields):
    return e.ToolReturned(call=call, name="t", text=text, **fields)


def vote(approve, by="ann", approval="a1"):
    return e.StepVoted(approval=approval, by=by, approve=approve)


# --- for every run that can happen ---


@given(stories())
def test_a_running_view_is_the_one_that_recovery_gives(teller):
    running = View("run_1")
    for entry, body in zip(teller.journal, teller.bodies, strict=True):
        assert apply(running, entry, body) is running
    assert running == fold("run_1", teller.journal)
    assert running.head == teller.head


@given(stories(), st.data())
def test_a_view_goes_on_from_wherever_it_was_folded_to(teller, data):
    cut = data.draw(st.integers(0, len(teller.journal)))
    view = fold("run_1", teller.journal[:cut])
    for entry in teller.journal[cut:]:
        apply(view, entry)
    assert view == fold("run_1", teller.journal)


@given(stories())
def test_every_result_stands_directly_behind_its_reply(teller):
    view = fold("run_1", teller.journal)
    messages = list(view.messages)
    while messages:
        message = messages.pop(0)
        assert not isinstance(message, Returned), "a result without its reply"
        if isinstance(message, Answered):
            wanted = {call.id for call in message.calls}
            while wanted and messages:
                result = messages.pop(0)
                assert isinstance(result, Returned), "something between a reply and its results"
                wanted.remove(result.call)
            assert wanted == (set(view.pending) if not messages else set())


@given(stories())
def test_nothing_that_was_said_is_lost_doubled_or_out_of_order(teller):
    view = fold("run_1", teller.journal)
    words = [message.text for message in view.messages if isinstance(message, Said)]
    assert words + [message.text for message in view.later] == teller.said
    assert view.pending or not view.later


@given(stories())
def test_what_is_open_is_what_has_no_result(teller):
    view = fold("run_1", teller.journal)
    assert set(view.pending) == set(teller.open)
    results = [message.call for message in view.messages if isinstance(message, Returned)]
    assert sorted(results) == sorted(teller.closed)
    waiting = {call for call in view.pending if view.pending[call].status == ASKED}
    assert {approval.call for approval in view.approvals.values()} == waiting


@given(stories())
def test_every_token_and_nano_is_counted_once(teller):
    assert fold("run_1", teller.journal).spend == teller.spend


@given(stories())
def test_the_sizes_are_running_totals(teller):
    view = fold("run_1", teller.journal)
    total, sizes = 0, []
    for message in view.messages:
        total += rough_tokens(message)
        sizes.append(total)
    assert view.sizes == sizes
    assert view.tokens == sum(rough_tokens(message) for message in view.messages[view.shown :])


@given(stories())
def test_a_view_stands_where_its_run_stands(teller):
    view = fold("run_1", teller.journal)
    assert (view.attempt, view.ended, view.model_call) == (
        teller.attempt,
        teller.ended,
        teller.model,
    )
    assert view.at == teller.journal[-1].at


@given(stories(), stories())
def test_views_share_nothing(one, two):
    first = fold("run_1", one.journal)
    before = msgspec.json.encode(first)
    fold("run_1", two.journal)
    assert msgspec.json.encode(first) == before


# --- one thing at a time ---


def test_every_body_is_understood():
    assert set(v._HANDLERS) == set(get_args(e.Body))


def test_new_views_have_lists_of_their_own():
    one, two = View("r1"), View("r2")
    for field in View.__struct_fields__:
        value = getattr(one, field)
        if isinstance(value, list | dict | set):
            assert value is not getattr(two, field), field


def test_a_view_begins_with_the_task():
    view = Teller().view
    assert view.messages == [Said("task")]
    assert (view.definition, view.task.agent, view.attempt) == ("d", "a", 1)


def test_words_that_come_while_calls_are_open_are_shown_after_the_last_result():
    teller = Teller(reply("c1", "c2"), e.MessageAdded(text="wait", by="ann"), returned("c2"))
    view = teller.tell(e.MessageAdded(text="!"))
    assert [type(message) for message in view.messages] == [Said, Answered, Returned]
    teller.tell(returned("c1", "late", error="TOOL_FAULT"))
    assert view.messages[2:] == [
        Returned("c2", "t", "ok"),
        Returned("c1", "t", "late", error=True),
        Said("wait", "ann"),
        Said("!"),
    ]
    assert view.later == []


@pytest.mark.parametrize(
    "again",
    [returned("c1", "2"), e.ToolDoubted(call="c1", name="t"), returned("c9")],
    ids=["result", "doubt", "unknown"],
)
def test_what_comes_twice_or_for_nobody_changes_and_costs_nothing(again):
    teller = Teller(reply("c1", "c2"), returned("c1", "1"))
    before = msgspec.structs.asdict(teller.view)
    messages = list(teller.view.messages)
    after = msgspec.structs.asdict(teller.tell(again))
    assert teller.view.messages == messages
    moved = {"head", "at"}
    assert {k: x for k, x in after.items() if k not in moved} == {
        k: x for k, x in before.items() if k not in moved
    }


def test_a_call_goes_through_its_states():
    teller = Teller(reply("c1"))
    steps = [asked("c1"), vote(approve=True), e.ToolStarted(call="c1", name="t", effect="once")]
    seen = [teller.view.pending["c1"].status]
    seen += [teller.tell(body).pending["c1"].status for body in steps]
    assert seen == [OPEN, ASKED, APPROVED, STARTED]
    assert teller.view.pending["c1"].digest == "d1"
    assert teller.tell(returned("c1")).pending == {}


def test_an_approval_takes_as_many_people_as_it_needs():
    teller = Teller(reply("c1"), asked("c1", needs=2), vote(approve=True), vote(approve=True))
    assert teller.view.pending["c1"].status == ASKED
    view = teller.tell(vote(approve=True, by="bob"))
    assert (view.pending["c1"].status, view.approvals) == (APPROVED, {})


def test_only_who_may_approve_counts():
    teller = Teller(reply("c1"), asked("c1", by=("ann",)))
    before = Teller(reply("c1"), asked("c1", by=("ann",))).view.approvals
    for approve in (True, False):
        assert teller.tell(vote(approve=approve, by="eve")).approvals == before
    assert teller.tell(vote(approve=True)).pending["c1"].status == APPROVED


def test_one_no_is_enough():
    teller = Teller(reply("c1"), asked("c1", needs=2), vote(approve=True))
    view = teller.tell(vote(approve=False, by="bob"))
    assert (view.pending, view.approvals) == ({}, {})
    assert view.messages[-1] == Returned("c1", "t", "bob denied this.", error=True)


def test_a_vote_for_one_call_says_nothing_about_another():
    bodies = [asked("c1"), asked("c2", approval="a2", digest="d2"), vote(approve=True)]
    view = Teller(reply("c1", "c2"), *bodies).view
    assert [pending.status for pending in view.pending.values()] == [APPROVED, ASKED]
    assert list(view.approvals) == ["a2"]


def test_nobody_answered_in_time():
    view = Teller(reply("c1"), asked("c1"), e.ApprovalExpired(approval="a1")).view
    assert view.messages[-1] == Returned("c1", "t", "Nobody approved this in time.", error=True)
    assert view.approvals == {}


@pytest.mark.parametrize("end", [vote(approve=False), e.ApprovalExpired(approval="a1")])
def test_a_question_about_no_open_call_can_be_closed(end):
    view = Teller(reply("c1"), asked("m7"), end).view
    assert (view.approvals, list(view.pending)) == ({}, ["c1"])


def test_a_question_about_a_call_that_was_answered_otherwise_is_closed():
    denied = e.StepDenied(call="c1", act="t", policy="revocation", reason="Revoked.")
    view = Teller(reply("c1", "c2"), asked("c1"), asked("c2", approval="a2"), denied).view
    assert list(view.approvals) == ["a2"]


def test_a_denied_call_is_answered_with_the_reason():
    denied = e.StepDenied(call="c1", act="t", policy="grants", reason="Not granted.")
    view = Teller(reply("c1"), denied).view
    assert view.messages[-1] == Returned(
        "c1", "t", "Denied by policy 'grants': Not granted.", error=True
    )
    assert view.spend.tool_calls == 0


def test_a_doubt_is_told_to_the_model():
    view = Teller(reply("c1"), e.ToolDoubted(call="c1", name="t")).view
    assert view.messages[-1] == Returned("c1", "t", DOUBT, error=True)
    assert view.spend.tool_calls == 1


def test_a_model_call_is_open_until_its_end_is_known():
    called = e.ModelCalled(call="m1", model="p:m", holds=(Hold("s", 5, 9),), estimate=5)
    teller = Teller(called)
    assert (teller.view.model_call, teller.view.holds) == ("m1", (Hold("s", 5, 9),))
    ends = [
        reply(text="hi"),
        e.ModelFailed(call="m1", model="p:m", code="X"),
        e.Resumed(worker="w", fence=2),
    ]
    for body in ends:
        view = Teller(called, body).view
        assert (view.model_call, view.holds) == ("", ())


def test_what_a_model_used_is_counted():
    view = Teller(reply(text="hi", usage=Usage(7, 5), nanos=9)).view
    assert view.spend == Spend(7, 5, 9, 0, 1)
    assert (view.replies, view.reply) == (1, 2)


def test_a_summary_is_no_reply():
    view = Teller(reply(text="hi"), reply(text="short", purpose="summary", upto=1)).view
    assert (view.shown, view.summary, view.replies) == (1, "short", 1)
    assert view.messages == [Said("task"), Answered("hi")]


def test_failures_are_counted_until_a_reply_or_a_fallback():
    failed = e.ModelFailed(call="m", model="p:m", code="X", retry_ms=50, uncertain=3)
    teller = Teller(failed)
    view = teller.tell(failed, at=100)
    assert (view.faults, view.retry_at, view.fault) == (2, 150, failed)
    assert view.spend == Spend(uncertain=6, model_calls=2)
    view = teller.tell(e.ModelFailed(call="m", model="p:m", code="X", next="p:n"))
    assert (view.faults, view.model) == (0, "p:n")
    assert teller.tell(failed).model == "p:n"
    view = teller.tell(reply(text="hi"))
    assert (view.faults, view.fault, view.model) == (0, None, "")


def test_a_rejected_reply_is_followed_by_the_reason():
    view = Teller(reply(text="{"), e.ReplyRejected(reason="not JSON")).view
    assert view.messages[-1] == Said("not JSON", "output schema")
    assert (view.rejects, view.last) == (1, None)


def test_the_last_reply_is_last_only_while_nothing_came_after_it():
    teller = Teller(reply("c1", text="look"))
    assert teller.view.last is teller.view.messages[-1]
    assert teller.tell(returned("c1")).last is None
    assert Teller().view.last is None


def test_a_question_is_open_until_somebody_speaks():
    teller = Teller(e.Asked(question="which?"))
    assert teller.view.question == "which?"
    assert teller.tell(e.MessageAdded(text="that")).question == ""


def test_sleeping_waking_pausing_and_going_on():
    teller = Teller(e.Slept(until=77))
    assert teller.view.wake_at == 77
    assert teller.tell(e.Woke()).wake_at is None
    assert teller.tell(e.Paused()).paused
    assert not teller.tell(e.Continued()).paused


@pytest.mark.parametrize(
    "body",
    [
        e.Succeeded(output="o", data=[1]),
        e.Failed(code="X", message="m"),
        e.Cancelled(by="ann"),
        e.Refused(code="X", message="m"),
    ],
)
def test_an_end_is_an_end(body):
    assert Teller(body).view.ended == body


def test_the_reply_is_in_the_view():
    view = Teller(e.Succeeded(output="o", data=[1])).view
    assert (view.output, view.data) == ("o", [1])


def test_a_reset_begins_anew_and_keeps_what_was_spent():
    teller = Teller(
        e.ModelCalled(call="m", model="p:m"),
        reply("c1", text="look", usage=Usage(7, 5), nanos=9),
        asked("c1"),
        e.MessageAdded(text="later"),
        e.Slept(until=5),
        e.Paused(),
        e.Failed(code="X", message="m", retry_ms=5),
    )
    view = teller.tell(e.Reset(attempt=2, reason="X"), at=500)
    fresh = View("run_1", Head(9, view.head.hash), 500, 500, 2, "d", view.task)
    fresh.messages, fresh.sizes = [Said("task")], [rough_tokens(Said("task"))]
    fresh.spend, fresh.calls = Spend(7, 5, 9, 0, 1), 1
    assert view == fresh


def test_a_step_costs_the_same_however_long_the_history_is():
    def turn(n):
        return [
            e.ModelCalled(call=f"m{n}", model="p:m"),
            reply(f"c{n}", text="look"),
            e.MessageAdded(text="!"),
            returned(f"c{n}"),
        ]

    teller = Teller()
    bodies = [body for n in range(5000) for body in turn(n)]
    entries = [write(Head(), "run_1", 0, body) for body in turn(0)] * 5000
    times = []
    for start in range(0, len(bodies), 1000):
        began = perf_counter()
        for entry, body in zip(
            entries[start : start + 1000], bodies[start : start + 1000], strict=True
        ):
            apply(teller.view, entry, body)
        times.append(perf_counter() - began)
    assert min(times[-5:]) < 5 * min(times[:5])
