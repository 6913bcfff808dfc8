"""The history check must be able to fail: a good history, and what each kind of harm does to it."""

import msgspec
import pytest

from folkmoot.core import entries as e
from folkmoot.core.agent import ModelChoice
from folkmoot.core.entries import Head, write
from folkmoot.core.messages import ToolCall
from folkmoot.core.run import Run, RunState
from folkmoot.core.spend import Hold, Spend
from folkmoot.core.task import Task
from folkmoot.ports.desk import Broken
from folkmoot.testing.fleet.check import check
from folkmoot.testing.fleet.history import History, ends
from folkmoot.testing.fleet.witness import Line, Witness

MODEL = str(ModelChoice(provider="scripted", name="fleet"))
DAY = "agent:fleet/2026-11-26"


class Story:
    """Makes a history: one run that posts once, as its workers wrote it and its witnesses saw it."""

    def __init__(self, run="run_1", key="t-1"):
        self.run, self.key = run, key
        self.head, self.at = Head(), 1000
        self.entries, self.lines = [], []

    def wrote(self, body, fence=1, pid=7):
        self.at += 10
        entry = write(self.head, self.run, self.at, body)
        self.head = Head(entry.seq, entry.hash)
        self.entries.append(entry)
        line = Line(
            what="entry",
            kind=entry.kind,
            run=self.run,
            seq=entry.seq,
            fence=fence,
            pid=pid,
            at=self.at,
        )
        self.lines.append(line)
        return entry.seq

    def saw(self, what, kind, name, effect):
        self.at += 10
        self.lines.append(
            Line(
                what=what,
                kind=kind,
                name=name,
                effect=effect,
                key=self.key,
                run=self.run,
                at=self.at,
            )
        )

    def called(self, kind, name, effect):
        self.saw("begin", kind, name, effect)
        self.saw("act", kind, name, effect)

    def told(self, *, doubt=False):
        """A whole run: a model call, a post, a model call, the end."""
        task = Task(agent="fleet", input="", key=self.key)
        self.wrote(e.Created(task=task, definition="d"), fence=0)
        asked = self.model(calls=(ToolCall("post-0", "post"),))
        self.wrote(e.ToolStarted(call="post-0", name="post", effect="once"))
        self.called("once", "post", f"{self.run}/{asked + 1}/post-0")
        if doubt:
            self.wrote(e.Resumed(worker="w2", fence=3, lost=("post-0",)), fence=3, pid=8)
            self.wrote(e.ToolDoubted(call="post-0", name="post"), fence=3, pid=8)
        else:
            self.wrote(e.ToolReturned(call="post-0", name="post", text="posted"))
        self.model(fence=3 if doubt else 1, pid=8 if doubt else 7)
        self.wrote(e.Succeeded(output="done"), fence=3 if doubt else 1, pid=8 if doubt else 7)
        return self

    def model(self, calls=(), fence=1, pid=7):
        hold = Hold(DAY, 5, 100)
        called = e.ModelCalled(call=f"{self.head.seq + 1}.reply", model=MODEL, holds=(hold,))
        asked = self.wrote(called, fence, pid)
        self.called("model", "model", f"{self.run}/{asked}/{called.call}")
        self.wrote(e.ModelReplied(call=called.call, model=MODEL, calls=calls, nanos=3), fence, pid)
        return asked

    def row(self, **fields):
        known = {"state": RunState.SUCCEEDED, "fence": 3, "spend": Spend(nanos=6)}
        return Run(id=self.run, agent="fleet", definition="d", **known | fields)


def history(*stories):
    return History(
        taken={story.key: story.run for story in stories},
        runs=[story.row() for story in stories],
        journals={story.run: story.entries for story in stories},
        lines=[line for story in stories for line in story.lines],
        budgets={DAY: (6 * len(stories), 0)},
        counts={"succeeded": len(stories)},
    )


@pytest.fixture
def story():
    return Story().told()


@pytest.fixture
def good(story):
    return history(story)


def flaws(found):
    return [(flaw.kind, flaw.run) for flaw in check(found).flaws]


def again(story, name):
    """The line with which a call began, as if it began once more at the end."""
    line = next(x for x in story.lines if x.what == "begin" and x.name == name)
    return msgspec.structs.replace(line, at=story.at + 1000)


def test_a_good_history_has_no_flaw(good):
    found = check(good)
    assert found.flaws == []
    assert (found.runs, found.entries, found.again, found.moved, found.in_doubt) == (1, 8, 0, 0, 0)


def test_a_call_in_doubt_is_no_flaw_and_is_counted():
    found = check(history(Story().told(doubt=True)))
    assert found.flaws == []
    assert (found.moved, found.in_doubt) == (1, 1)


def test_what_was_broken_off_before_its_result_may_be_done_again(story):
    first = next(n for n, x in enumerate(story.lines) if x.what == "begin" and x.kind == "model")
    story.lines.insert(first, story.lines[first])
    found = check(history(story))
    assert found.flaws == []
    assert found.again == 1


def test_a_task_without_a_run_is_lost(good):
    good.taken = {**good.taken, "t-2": "run_2"}
    assert flaws(good) == [("lost", "run_2")]


def test_a_task_with_two_runs_is_doubled(story):
    both = history(story, Story("run_2", "t-1").told())
    both.taken = {"t-1": "run_1"}
    assert ("doubled", "run_1") in flaws(both)


def test_a_run_that_nobody_asked_for_is_a_flaw(good):
    good.taken = {}
    assert flaws(good) == [("doubled", "run_1")]


def test_a_caller_who_was_told_another_run_is_told_a_lie(good):
    good.taken = {"t-1": "run_9"}
    assert flaws(good) == [("lost", "run_9")]


@pytest.mark.parametrize("state", ["queued", "running", "waiting", "failed"])
def test_a_run_that_did_not_succeed_is_lost(good, story, state):
    good.runs = [story.row(state=RunState(state))]
    good.counts = {state: 1}
    assert flaws(good) == [("lost", "run_1")]


def test_a_run_that_must_wait_waits_for_its_person(good, story):
    good.waits = frozenset({"t-1"})
    assert flaws(good) == [("lost", "run_1")]
    good.runs, good.counts = (
        [story.row(state=RunState.WAITING, waits_for="approval")],
        {"waiting": 1},
    )
    assert flaws(good) == []
    good.runs = [story.row(state=RunState.WAITING, waits_for="model")]
    assert flaws(good) == [("lost", "run_1")]


def test_a_store_that_counts_wrongly_is_broken(good):
    good.counts = {"succeeded": 1, "running": 1}
    assert flaws(good) == [("broken", "")]


def test_a_broken_chain_is_told(good):
    good.broken = (Broken(run="run_1", seq=3, reason="changed"),)
    assert flaws(good) == [("broken", "run_1")]


def test_an_entry_that_was_durable_and_is_gone_is_lost(good, story):
    last = story.lines[-1]
    good.lines.append(msgspec.structs.replace(last, seq=last.seq + 1))
    assert flaws(good) == [("lost", "run_1")]


def test_an_entry_that_two_workers_wrote_is_broken(good, story):
    good.lines.append(msgspec.structs.replace(story.lines[-1], pid=9))
    assert flaws(good) == [("broken", "run_1")]


@pytest.mark.parametrize("call", ["model", "post"])
def test_a_call_that_begins_after_its_result_was_durable_is_repeated(good, story, call):
    good.lines.append(msgspec.structs.replace(again(story, call), at=0, kind="pure"))
    assert flaws(good) == [("repeated", "run_1")]


def test_a_call_that_begins_after_its_results_time_is_repeated_even_if_nobody_saw_it_durable(story):
    story.lines = [x for x in story.lines if x.what != "entry"] + [again(story, "model")]
    assert flaws(history(story)) == [("repeated", "run_1")]


def test_a_step_that_was_made_twice_under_another_name_is_repeated(story):
    story.wrote(e.ToolReturned(call="post-1", name="post", text="posted"))
    story.saw("act", "once", "post", "run_1/6/post-1")
    kinds = flaws(history(story))
    assert ("repeated", "run_1") in kinds
    assert ("doubled", "run_1") in kinds


def test_an_effect_of_class_once_that_happens_twice_is_doubled(good, story):
    act = next(x for x in story.lines if x.what == "act" and x.kind == "once")
    good.lines.append(act)
    assert flaws(good) == [("doubled", "run_1")]


def test_a_call_of_class_once_without_end_or_doubt_is_lost(good, story):
    good.journals = {
        "run_1": [x for x in story.entries if not isinstance(x.read(), e.ToolReturned)]
    }
    assert ("lost", "run_1") in flaws(good)


def test_a_result_of_what_never_happened_is_a_lie(good):
    good.lines = [x for x in good.lines if x.kind != "once"]
    assert flaws(good) == [("lost", "run_1")]


@pytest.mark.parametrize("fences", [(2, 1), (9, 9)])
def test_a_fence_that_went_back_is_broken(story, fences):
    lines = [x for x in story.lines if x.what == "entry"]
    old = {x.seq: n for n, x in enumerate(story.lines) if x.what == "entry"}
    for line, fence in zip(lines[-2:], fences, strict=True):
        story.lines[old[line.seq]] = msgspec.structs.replace(line, fence=fence)
    assert flaws(history(story)) == [("broken", "run_1")]


def test_money_that_is_still_held_is_unsettled(good):
    good.budgets = {DAY: (6, 5)}
    assert flaws(good) == [("unsettled", "")]


def test_a_budget_that_counted_something_else_is_unsettled(good):
    good.budgets = {DAY: (7, 0)}
    assert flaws(good) == [("unsettled", "")]


def test_ends_have_the_effect_ids_of_the_machine(story):
    assert [(x.name, x.effect) for x in ends(story.run, story.entries)] == [
        ("model", "run_1/2/2.reply"),
        ("post", "run_1/3/post-0"),
        ("model", "run_1/6/6.reply"),
    ]


def test_witnesses_keep_the_order_of_what_they_saw(tmp_path):
    witness = Witness(tmp_path / "lines")
    assert witness.read() == []
    lines = [Line(what="begin", name=str(n)) for n in range(3)]
    for line in lines:
        witness.saw(line)
    assert witness.read() == lines
