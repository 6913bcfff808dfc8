"""`folkmoot talk`, and messages through `folkmoot submit`."""

import io
import json

import pytest

from folkmoot.core import entries as e
from folkmoot.core.messages import Said


@pytest.fixture
def answers(desk, replied):
    """The worker answers each message with its words, or fails at the word `bad`."""

    async def work(run):
        view = desk._kept[run].view
        text = next(m.text for m in reversed(view.messages) if isinstance(m, Said))
        desk.write(run, e.ModelCalled(call="1", model="scripted:m"))
        desk.write(run, replied)
        error = "MODEL_AUTH: No key." if text == "bad" else ""
        output = "" if error else f"re {text}"
        desk.write(run, e.MessageAnswered(message=view.turn.message, output=output, error=error))

    desk.work = work


@pytest.fixture
def lines(monkeypatch):
    """Give these lines as standard input."""

    def give(*given):
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(given)))

    return give


def test_a_message_is_shown_until_its_answer(folkmoot, answers):
    said = folkmoot("talk", "reader", "Hello.")
    assert said.code == 0
    assert "somebody says: Hello." in said.out
    assert said.out.rstrip().endswith("answered")


def test_quiet_prints_the_answer_only(folkmoot, answers):
    assert folkmoot("talk", "reader", "Hello.", "--quiet").out == "re Hello.\n"


def test_every_line_of_the_input_is_a_message(folkmoot, answers, lines):
    lines("one", "", "two")
    assert folkmoot("talk", "reader", "--quiet").out == "re one\nre two\n"


def test_a_message_without_an_answer_is_a_failure(folkmoot, answers, lines):
    said = folkmoot("talk", "reader", "bad", "--quiet")
    assert (said.code, said.out) == (1, "")
    assert "MODEL_AUTH" in said.err
    lines("bad", "good")
    assert folkmoot("talk", "reader", "--quiet").code == 0


def test_conversations_go_on_under_their_names(folkmoot, answers):
    runs = []
    for more in ([], [], ["--conversation", "other"]):
        first, *_, last = folkmoot("talk", "reader", "Hello.", "--json", *more).documents
        assert (first["type"], last["type"], last["output"]) == ("submitted", "answer", "re Hello.")
        runs.append(first["run"])
    assert runs[0] == runs[1] != runs[2]


def test_what_was_answered_before_is_not_shown_again(folkmoot, answers):
    folkmoot("talk", "reader", "First.")
    assert "First." not in folkmoot("talk", "reader", "Second.").out


def test_a_repeated_key_gives_the_same_answer(folkmoot, answers):
    for _ in range(2):
        assert folkmoot("talk", "reader", "Hello.", "--key", "k", "--quiet").out == "re Hello.\n"


def test_submit_says_something_in_a_conversation(folkmoot, desk):
    known = folkmoot("submit", "reader", "Hello.", "--conversation", "c", "--json").document
    assert known["message"].startswith("msg_")
    said = folkmoot("submit", "reader", "Hello.", "--conversation", "c")
    assert said.out.split()[0] == known["run"]
    assert said.out.split()[1] != known["message"]


def test_submit_waits_for_the_answer(folkmoot, desk):
    first = folkmoot("submit", "reader", "Hi.", "--conversation", "c", "--key", "k", "--json")
    desk.write(first.document["run"], e.MessageAnswered(message="msg_k", output="Ho."))
    again = folkmoot("submit", "reader", "Hi.", "--conversation", "c", "--key", "k", "--wait")
    assert again.code == 0
    assert again.out.endswith("Ho.\n")
    assert "same message" in again.err
    both = folkmoot(
        "submit", "reader", "Hi.", "--conversation", "c", "--key", "k", "--wait", "--json"
    )
    assert json.loads(both.out.splitlines()[1])["output"] == "Ho."
