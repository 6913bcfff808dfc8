from pathlib import Path

import pytest
from msgspec.structs import replace

from folkmoot.core import entries as e
from folkmoot.core import trace
from folkmoot.core.entries import Entry, Head
from folkmoot.core.messages import ToolCall
from folkmoot.core.run import Run
from folkmoot.core.spend import Usage
from folkmoot.core.task import Task
from folkmoot.telemetry import traces
from folkmoot.telemetry.traces import Traces, attempt_call

CREATED = e.Created(task=Task(agent="reader", input="x"), definition="d")
REPLIED = e.ModelReplied(
    call="2.reply",
    model="bedrock:nova:1",
    calls=(ToolCall("c1", "shell"), ToolCall("c2", "send")),
    usage=Usage(100, 20, 30, 4),
    nanos=7,
    finish="tools",
    ms=10,
)


@pytest.fixture
def spans():
    return []


@pytest.fixture
def diary(journal, spans):
    return journal(Traces(spans.append))


def _by_name(spans):
    return {span.name: span for span in spans}


def test_a_run_is_a_tree_with_times_from_the_journal(diary, spans):
    diary.write(CREATED)
    diary.write(e.ModelCalled(call="2.reply", model="bedrock:nova:1"), after=5)
    diary.write(REPLIED, after=100)
    diary.write(e.ToolReturned(call="c1", name="shell", text="", ms=40), after=50)
    diary.write(e.Succeeded(output="x"), after=10)
    named = _by_name(spans)
    root, chat, tool = (
        named["invoke_agent reader"], named["chat nova:1"], named["execute_tool shell"],
    )  # fmt: skip
    began = diary.run.created_at
    assert (root.start, root.end, root.parent) == (began, began + 165, "")
    assert (chat.start, chat.end, chat.parent) == (began + 5, began + 105, root.id)
    assert (tool.start, tool.end, tool.parent) == (began + 115, began + 155, root.id)
    assert {span.trace for span in spans} == {trace.trace_id("run_1")}
    assert len({span.id for span in spans}) == len(spans) == 3


def test_a_model_call_carries_the_gen_ai_attributes(diary, spans):
    diary.write(e.ModelCalled(call="2.reply", model="bedrock:nova:1"))
    diary.write(REPLIED)
    (span,) = spans
    assert span.outgoing
    assert span.error == ""
    assert (
        span.attributes.items()
        >= {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "aws.bedrock",
            "gen_ai.request.model": "nova:1",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 30,
            "gen_ai.usage.cache_creation.input_tokens": 4,
            "gen_ai.response.finish_reasons": ("tools",),
            "folkmoot.cost_nanos": 7,
            "folkmoot.run": "run_1",
        }.items()
    )


def test_the_span_of_a_call_is_the_one_that_its_outgoing_header_names(diary, spans):
    called = diary.write(e.ModelCalled(call="2.reply", model="p:m"))
    replied = diary.write(REPLIED)
    diary.write(e.ToolReturned(call="c1", name="shell", text=""))
    for span, seq, call in ((spans[0], called.seq, "2.reply"), (spans[1], replied.seq, "c1")):
        header = trace.traceparent("run_1", f"{seq}/{call}")
        assert header == f"00-{span.trace}-{span.id}-01"


def test_a_failed_model_call_is_an_error_and_its_repetition_another_span(diary, spans):
    diary.write(e.ModelCalled(call="2.reply", model="p:m"))
    diary.write(e.ModelFailed(call="2.reply", model="p:m", code="MODEL_TIMEOUT"), after=30)
    diary.write(e.ModelCalled(call="4.reply", model="p:m"))
    diary.write(replace(REPLIED, call="4.reply"))
    assert (spans[0].error, spans[0].attributes["error.type"]) == ("MODEL_TIMEOUT",) * 2
    assert spans[0].end - spans[0].start == 30
    assert spans[1].error == ""
    assert spans[0].id != spans[1].id


def test_a_call_id_that_comes_again_in_a_later_reply_is_another_span(diary, spans):
    for _ in range(2):
        diary.write(REPLIED)
        diary.write(e.ToolReturned(call="c1", name="shell", text=""))
    tools = [span for span in spans if span.name == "execute_tool shell"]
    assert tools[0].id != tools[1].id


def test_a_summary_between_does_not_forget_who_asked_for_a_tool(diary, spans):
    replied = diary.write(REPLIED)
    diary.write(e.ModelReplied(call="3.summary", model="p:m", purpose="summary", upto=1))
    diary.write(e.ToolReturned(call="c2", name="send", text=""))
    assert spans[-1].id == trace.span_id("run_1", f"{replied.seq}/c2")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (e.ToolReturned(call="c1", name="shell", text="", error="TOOL_TIMEOUT"), "TOOL_TIMEOUT"),
        (e.ToolDoubted(call="c1", name="shell"), "IN_DOUBT"),
    ],
)
def test_a_tool_that_failed_is_an_error(diary, spans, body, code):
    diary.write(body)
    (span,) = spans
    assert (span.error, span.attributes["error.type"]) == (code, code)
    assert span.attributes["gen_ai.tool.name"] == "shell"
    assert span.attributes["gen_ai.tool.call.id"] == "c1"
    assert span.attributes["gen_ai.operation.name"] == "execute_tool"


def test_what_the_gate_says_is_seen_as_moments(diary, spans):
    diary.write(e.StepDenied(call="c1", act="tool send", policy="p", reason="r", code="DENIED"))
    diary.write(
        e.StepAsked(call="c1", act="tool send", approval="a", digest="d", policy="p", reason="r")
    )
    diary.write(e.StepVoted(approval="a", by="ann", approve=True))
    diary.write(e.ApprovalExpired(approval="a"))
    assert [span.name for span in spans] == [
        "gate.denied", "gate.asked", "gate.voted", "gate.expired",
    ]  # fmt: skip
    assert all(span.start == span.end for span in spans)
    assert spans[0].error == "DENIED"
    assert spans[2].attributes["folkmoot.approve"] is True


@pytest.mark.parametrize(
    ("body", "error", "end"),
    [
        (e.Failed(code="LIMIT", message="No."), "LIMIT", "failed"),
        (e.Refused(code="NO_PACKET", message="No."), "NO_PACKET", "refused"),
        (e.Cancelled(by="ann"), "", "cancelled"),
        (e.Succeeded(output="x"), "", "succeeded"),
    ],
)
def test_how_a_run_ended_is_in_its_span(diary, spans, body, error, end):
    diary.write(body)
    (span,) = spans
    assert (span.error, span.attributes["folkmoot.end"]) == (error, end)
    assert span.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert span.attributes["gen_ai.agent.name"] == "reader"


def test_a_second_attempt_hangs_under_the_first(diary, spans):
    diary.write(e.Failed(code="X", message="No.", retry_ms=5), after=10)
    diary.write(e.Reset(attempt=2, reason="X"), after=90)
    diary.write(e.ToolReturned(call="c", name="t", text=""))
    diary.write(e.Succeeded(output="x"), after=5)
    first, tool, second = spans
    assert first.parent == ""
    assert second.parent == first.id
    assert tool.parent == second.id
    assert (second.start, second.end) == (first.end + 90, first.end + 95)
    assert len({span.id for span in spans}) == 3


def _split(journal, at):
    """Return two workers' spans of one run: the second saw only what came after the takeover."""
    mine, theirs = [], []
    diary = journal(Traces(mine.append))
    diary.write(CREATED)
    diary.write(e.ModelCalled(call="2.reply", model="p:m"), after=1)
    diary.write(REPLIED, after=1)
    diary.observers[:] = [Traces(theirs.append)]
    diary.run = at(diary.run)
    diary.write(e.Resumed(worker="b", fence=2, lost=("c2",)), after=9)
    diary.write(e.ToolReturned(call="c1", name="shell", text="", ms=2), after=2)
    diary.write(e.Succeeded(output="x"), after=1)
    return mine, theirs


def test_two_workers_write_one_connected_trace(journal):
    mine, theirs = _split(journal, lambda run: run)
    every = mine + theirs
    ids = {span.id for span in every}
    (root,) = [span for span in every if not span.parent]
    assert {span.trace for span in every} == {root.trace}
    assert all(span.parent in ids for span in every if span is not root)
    assert len(ids) == len(every)
    assert root.start == 1_000_000
    assert "run.resumed" in _by_name(theirs)


def test_a_worker_that_comes_to_a_later_attempt_keeps_to_it(journal):
    _, theirs = _split(journal, lambda run: replace(run, attempt=3))
    last = theirs[-1]
    assert last.attributes["folkmoot.attempt"] == 3
    assert last.id == trace.span_id("run_1", attempt_call(3))
    assert last.start >= 1_000_000 + 11, "when attempt 3 began is not known: not before we came"


def test_nothing_of_what_is_said_is_in_a_span(diary, spans):
    secret = "between-agent-and-model"
    diary.write(e.Created(task=Task(agent="reader", input=secret), definition="d"))
    diary.write(e.ModelCalled(call="2.reply", model="p:m"))
    diary.write(replace(REPLIED, text=secret, calls=(ToolCall("c1", "shell", {"x": secret}),)))
    diary.write(e.ToolReturned(call="c1", name="shell", text=secret))
    diary.write(e.MessageAdded(text=secret))
    diary.write(e.Succeeded(output=secret, data=secret))
    assert len(spans) == 3
    assert secret not in str(spans)


def test_every_attribute_and_name_of_a_span_is_documented(diary, spans):
    page = (Path(__file__).parents[3] / "docs/reference/logs-and-traces.md").read_text()
    diary.write(e.Resumed(worker="b", fence=2, lost=("c2",)))
    diary.write(e.ModelCalled(call="2.reply", model="p:m"))
    diary.write(REPLIED)
    diary.write(e.ToolReturned(call="c1", name="shell", text="", error="X"))
    diary.write(e.StepDenied(call="c1", act="a", policy="p", reason="r"))
    diary.write(e.StepAsked(call="c", act="a", approval="a", digest="d", policy="p", reason="r"))
    diary.write(e.StepVoted(approval="a", by="ann", approve=True))
    diary.write(e.ApprovalExpired(approval="a"))
    diary.write(e.Failed(code="X", message="No."))
    assert len(spans) == 8
    for span in spans:
        assert f"`{span.name.split()[0]}" in page
        for name in span.attributes:
            assert f"`{name}`" in page, name


def test_runs_that_never_end_here_are_forgotten(spans, monkeypatch):
    monkeypatch.setattr(traces, "_MOST_OPEN", 10)
    observer = Traces(spans.append)
    body = e.ModelCalled(call="1", model="p:m")
    for number in range(50):
        run = Run(id=f"run_{number}", agent="a", definition="d")
        observer(run, Entry(run.id, 1, 5, "model.called", b"", Head().hash), body)
    assert len(observer._open) == 10
    observer(run, Entry(run.id, 2, 6, "run.succeeded", b"", Head().hash), e.Succeeded(output=""))
    assert len(observer._open) == 9


def test_ids_are_those_that_w3c_wants():
    assert len(trace.trace_id("run_1")) == 32
    assert len(trace.span_id("run_1", "1/c")) == 16
    assert trace.trace_id("run_1") != trace.trace_id("run_2")
    assert trace.span_id("run_1", "1/c") != trace.span_id("run_1", "2/c")
    assert trace.traceparent("run_1", "1/c").count("-") == 3


def test_each_message_of_a_conversation_is_a_tree_of_its_own(diary, spans):
    diary.write(CREATED)
    for number in ("1", "2"):
        diary.write(e.MessageAdded(text="Hi.", message=number), after=5)
        diary.write(e.ModelCalled(call="2.reply", model="bedrock:nova:1"), after=10)
        diary.write(REPLIED, after=100)
        error = "LIMIT_USD: Too much." if number == "2" else ""
        diary.write(e.MessageAnswered(message=number, error=error), after=1)
    first, one, second, two = spans
    assert (first.parent, second.parent) == (one.id, two.id)
    assert (one.parent, two.parent) == ("", "")
    assert (two.end - two.start, two.error) == (111, "LIMIT_USD")
    assert {span.trace for span in spans} == {trace.trace_id("run_1")}
    assert one.attributes["folkmoot.message"] == "1"
