"""Views of conversations at rest: used when they are right, and only then."""

from folkmoot.core import entries as e
from folkmoot.core import view as views
from folkmoot.core.changes import Claimed
from folkmoot.core.entries import write
from folkmoot.core.run import Run
from folkmoot.core.task import Task
from folkmoot.core.view import View, apply
from folkmoot.flow.resting import Resting
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import says

TALK = Task(agent="a", input="", conversation="c")
SAID = e.MessageAdded(text="x" * 400, message="m1")
ANSWERED = e.MessageAnswered(message="m1", output="y")


def told(*bodies, run="r1", task=TALK):
    view = View(run)
    for body in (e.Created(task=task, definition="d"), *bodies):
        apply(view, write(view.head, run, 0, body), body)
    return view


def seen(view, fence=3):
    head = {"head": view.head.seq, "head_hash": view.head.hash.hex()}
    return Claimed(Run(id=view.run, agent="a", definition="d", fence=fence, **head), ())


def test_a_view_is_given_away_once():
    resting, view = Resting(), told(SAID, ANSWERED)
    resting.keep(view, 3)
    assert resting.take(seen(view)) is view
    assert resting.take(seen(view)) is None


def test_a_view_under_another_fence_or_with_another_end_is_wrong():
    view, later = told(SAID, ANSWERED), told(SAID, ANSWERED, e.Woke())
    for found in (seen(view, fence=4), seen(later)):
        resting = Resting()
        resting.keep(view, 3)
        assert resting.take(found) is None
        assert resting.take(seen(view)) is None


def test_only_conversations_at_rest_are_kept():
    resting = Resting()
    for view in (told(SAID), told(e.Cancelled()), told(task=Task(agent="a", input="x"))):
        resting.keep(view, 3)
        assert resting.take(seen(view)) is None


def test_what_rests_longest_goes_when_there_is_too_much():
    resting = Resting(most_tokens=250)
    kept = [told(SAID, ANSWERED, run=f"r{n}") for n in range(3)]
    for view in kept:
        resting.keep(view, 3)
    assert [resting.take(seen(view)) is not None for view in kept] == [False, True, True]


async def test_the_next_message_does_not_fold_the_journal_again(monkeypatch) -> None:
    folded = []
    fold = views.fold
    monkeypatch.setattr("folkmoot.flow.journal.fold", lambda *a: folded.append(a) or fold(*a))
    talker = agent(mode="continuous")
    async with Harness(talker, replies=lambda r: says(str(len(r.messages)))) as one:
        two = Harness(talker, replies=one._replies, store=one.store, clock=one.clock, worker="w2")
        two.broker = one.broker
        outputs = [await _ask(one) for _ in range(3)]
        assert len(folded) == 1
        await one.dispatcher.stop()
        async with two:
            outputs += [await _ask(two), await _ask(two)]
            assert len(folded) == 2
    assert outputs == ["1", "3", "5", "7", "9"]


async def _ask(moot):
    submitted = await moot.desk.submit(moot.task("x", conversation="c"))
    answer = await moot.desk.answer(submitted.run.id, submitted.message, 5.0)
    await moot.until(lambda: not moot.dispatcher.active)
    return answer.output
