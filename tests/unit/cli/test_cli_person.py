import asyncio
import os
import select
import sys

import pytest

from folkmoot.core import entries as e
from folkmoot.core.errors import StoreFull
from folkmoot.core.messages import ToolCall

CALLS = e.ModelReplied(
    call="1", model="scripted:m", calls=(ToolCall("c1", "mail", {"to": "bob@example.org"}),)
)
ASKS = e.StepAsked(
    call="c1", act="tool mail", approval="ap1", digest="0", policy="approval", reason="It sends."
)


class Terminal:
    """A terminal with somebody at it: what they type is there before it is asked for."""

    def __init__(self) -> None:
        self._person, seat = os.openpty()
        self.stdin = os.fdopen(seat, "r", closefd=True)
        self.stdout = os.fdopen(os.dup(seat), "w", closefd=True)

    def type(self, text: str) -> None:
        os.write(self._person, text.encode())

    def read(self) -> str:
        self.stdout.flush()
        shown = b""
        while select.select([self._person], [], [], 0)[0]:
            shown += os.read(self._person, 65536)
        return shown.decode()

    def close(self) -> None:
        self.stdin.close()
        self.stdout.close()
        os.close(self._person)


@pytest.fixture
def terminal():
    seat = Terminal()
    yield seat
    seat.close()


@pytest.fixture
def run(folkmoot, terminal, monkeypatch):
    """Run the agent with a person at the terminal; return the exit code."""

    def call() -> int:
        with monkeypatch.context() as seated:  # in the test itself: pytest puts its own back before
            seated.setattr(sys, "stdin", terminal.stdin)
            seated.setattr(sys, "stdout", terminal.stdout)
            return folkmoot("run", "reader", "Write.", "--by", "ann").code

    return call


async def until(done) -> None:
    """Let the loop turn until something is so."""
    while not await done():  # noqa: ASYNC110 - the desk in memory has no event for it
        await asyncio.sleep(0)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def asks(desk):
    """The worker asks about one call, and goes on when somebody has answered."""

    async def work(id_):
        desk.write(id_, CALLS)
        desk.write(id_, ASKS)

        async def answered():
            return not await desk.questions(id_)

        await until(answered)
        desk.write(id_, e.Succeeded(output="Done."))

    desk.work = work


def votes(desk):
    [kept] = desk._kept.values()
    return [
        (body.by, body.approve, body.note)
        for body in (entry.read() for entry in kept.journal)
        if isinstance(body, e.StepVoted)
    ]


@pytest.mark.parametrize(
    ("typed", "vote"),
    [
        ("y\n", ("ann", True, "")),
        ("yes go ahead\n", ("ann", True, "go ahead")),
        ("n not to bob\n", ("ann", False, "not to bob")),
        ("maybe\n\nY\n", ("ann", True, "")),
        ("yesterday\nno\n", ("ann", False, "")),
    ],
)
@pytest.mark.usefixtures("asks")
def test_the_person_at_the_terminal_answers(run, terminal, typed, vote, desk):
    terminal.type(typed)
    assert run() == 0
    assert votes(desk) == [vote]
    shown = terminal.read()
    assert 'to="bob@example.org"' in shown
    assert "It sends." in shown


def test_an_answer_from_elsewhere_ends_the_prompt(run, desk, terminal):
    async def work(id_):
        desk.write(id_, CALLS)
        desk.write(id_, ASKS)
        await turns(20)  # let the prompt stand first
        desk.write(id_, e.StepVoted(approval="ap1", by="bea", approve=True))
        desk.write(id_, e.Succeeded(output="Done."))

    desk.work = work
    assert run() == 0
    assert votes(desk) == [("bea", True, "")]


def test_a_vote_that_is_one_of_two_is_not_asked_for_again(run, desk, terminal):
    async def work(id_):
        desk.write(id_, CALLS)
        desk.write(
            id_, e.StepAsked(**{f: getattr(ASKS, f) for f in ASKS.__struct_fields__} | {"needs": 2})
        )

        async def voted():
            return votes(desk)

        await until(voted)
        await turns(20)
        desk.write(id_, e.StepVoted(approval="ap1", by="bea", approve=True))
        desk.write(id_, e.Succeeded(output="Done."))

    desk.work = work
    terminal.type("y\n")
    assert run() == 0
    assert votes(desk) == [("ann", True, ""), ("bea", True, "")]


def test_the_end_of_input_leaves_the_question_open(run, desk, terminal):
    async def work(id_):
        desk.write(id_, CALLS)
        desk.write(id_, ASKS)
        await turns(40)
        desk.write(id_, e.ApprovalExpired(approval="ap1"))
        desk.write(id_, e.Succeeded(output="Done."))

    desk.work = work
    terminal.type("\x04")
    assert run() == 0
    assert votes(desk) == []


def test_a_question_of_the_agent_is_answered_with_a_message(run, desk, terminal):
    async def work(id_):
        desk.write(id_, e.Asked(question="Which file?"))

        async def answered():
            return not (await desk.run(id_)).waits_for

        await until(answered)
        desk.write(id_, e.Succeeded(output="Done."))

    desk.work = work
    terminal.type("README.md\n")
    assert run() == 0
    [kept] = desk._kept.values()
    assert e.MessageAdded(text="README.md", by="ann") in [x.read() for x in kept.journal]


def test_a_store_in_trouble_while_asking_ends_the_command_and_not_silently(run, desk, monkeypatch):
    async def work(id_):
        desk.write(id_, CALLS)
        desk.write(id_, ASKS)
        await asyncio.Event().wait()

    async def trouble(_):
        raise StoreFull("Full.")

    desk.work = work
    monkeypatch.setattr(desk, "questions", trouble)
    assert run() == 6
