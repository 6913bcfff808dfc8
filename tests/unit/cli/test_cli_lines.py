from typing import get_args

import pytest

from folkmoot.cli import lines
from folkmoot.core import entries as e
from folkmoot.core.messages import ToolCall
from folkmoot.core.task import Task

EXAMPLES = [
    e.Created(task=Task(agent="a", input="Read."), definition="00"),
    e.Reset(attempt=2, reason="It failed."),
    e.Resumed(worker="w", fence=2, lost=("c1",)),
    e.ModelCalled(call="1", model="scripted:m", purpose="summary"),
    e.ModelReplied(call="1", model="scripted:m", text="Hi", finish="length"),
    e.ModelFailed(call="1", model="scripted:m", code="MODEL_OVERLOADED", retry_ms=1500),
    e.ToolStarted(call="c1", name="mail", effect="once"),
    e.ToolReturned(call="c1", name="mail", text="sent", reconciled=True),
    e.ToolDoubted(call="c1", name="mail"),
    e.StepDenied(call="c1", act="tool shell", policy="grants", reason="No grant."),
    e.StepAsked(
        call="c", act="tool shell", approval="ap", digest="0", policy="p", reason="r", needs=2
    ),
    e.StepVoted(approval="ap", by="ann", approve=False, note="Not now."),
    e.ApprovalExpired(approval="ap"),
    e.MessageAdded(text="More.", by="ann"),
    e.MessageAnswered(message="msg_1", error="MODEL_AUTH: No key."),
    e.ContextDropped(upto=4),
    e.ReplyRejected(reason="title is missing"),
    e.Asked(question="Which?"),
    e.Slept(until=5),
    e.Woke(),
    e.Paused(by="ann"),
    e.Continued(by="ann"),
    e.Succeeded(output="Done."),
    e.Failed(code="LIMIT", message="Too many steps.", retry_ms=2000),
    e.Cancelled(by="ann", reason="Enough."),
    e.Refused(code="DENIED", message="No packet."),
]


@pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: type(body).__name__)
def test_every_entry_is_one_line_of_words(body):
    line = lines.of(body)
    assert line.text
    assert "\n" not in line.text
    assert 1 <= len(line.mark) <= 2


def test_no_kind_of_entry_was_forgotten():
    assert {type(body) for body in EXAMPLES} == set(get_args(e.Body))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (EXAMPLES[2], "nobody saw the end of c1"),
        (EXAMPLES[4], "cut: length"),
        (EXAMPLES[5], "tries again in 1.5 s"),
        (e.ModelFailed(call="1", model="a:b", code="X", next="c:d"), "goes on with c:d"),
        (EXAMPLES[8], "in doubt"),
        (EXAMPLES[9], "denied by grants: No grant."),
        (EXAMPLES[10], "needs 2"),
        (EXAMPLES[23], "another attempt in 2.0 s"),
    ],
)
def test_a_line_says_what_matters(body, words):
    assert words in lines.of(body).text


def test_a_call_is_shown_with_its_arguments_shortened():
    shown = lines.call(ToolCall("1", "files_write", {"path": "a.md", "text": "x" * 500}))
    assert shown.startswith('files_write(path="a.md", text="xxx')
    assert len(shown) < 160


def test_a_result_names_the_call_that_it_answers():
    story = lines.Story()
    calls = tuple(ToolCall(f"c{n}", "files_read", {"path": f"{n}.md"}) for n in range(5))
    assert "and 2 more calls" in story.line(e.ModelReplied(call="1", model="m", calls=calls)).text
    line = story.line(e.ToolReturned(call="c4", name="files_read", text="four"))
    assert line.text.startswith('files_read(path="4.md") [')
    assert story.line(e.ToolDoubted(call="c9", name="mail")).text.startswith("mail is in doubt")


def test_arguments_that_were_no_json_are_shown_as_they_came():
    assert lines.call(ToolCall("1", "shell", raw='{"command": ')) == 'shell({"command":)'
