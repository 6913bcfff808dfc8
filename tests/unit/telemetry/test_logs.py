import io
import json
import logging
import warnings

import pytest
import structlog

from folkmoot.core import entries as e
from folkmoot.core.entries import Body
from folkmoot.core.messages import ToolCall
from folkmoot.core.task import Task
from folkmoot.core.trace import trace_id
from folkmoot.telemetry import logs

CONTENT = "words-between-agent-and-model"
BODIES = [
    e.Created(task=Task(agent="reader", input=CONTENT, labels={"x": CONTENT}), definition="d"),
    e.Reset(attempt=2, reason="r"),
    e.Resumed(worker="w", fence=2, lost=("1",)),
    e.ModelCalled(call="1", model="m"),
    e.ModelReplied(call="1", model="m", text=CONTENT, calls=(ToolCall("c", "t", {"a": CONTENT}),)),
    e.ModelFailed(call="1", model="m", code="RATE_LIMIT_EXCEEDED"),
    e.ToolStarted(call="c", name="t", effect="once"),
    e.ToolReturned(call="c", name="t", text=CONTENT),
    e.ToolDoubted(call="c", name="t"),
    e.StepDenied(call="c", act="tool t", policy="p", reason="r"),
    e.StepAsked(call="c", act="tool t", approval="a", digest="d", policy="p", reason=CONTENT),
    e.StepVoted(approval="a", by="ann", approve=True, note=CONTENT),
    e.ApprovalExpired(approval="a"),
    e.MessageAdded(text=CONTENT, by="ann"),
    e.MessageAnswered(message="msg_1", output="Yes."),
    e.ContextDropped(upto=3),
    e.ReplyRejected(reason=CONTENT),
    e.Asked(question=CONTENT),
    e.Slept(until=5),
    e.Woke(),
    e.Paused(by="ann"),
    e.Continued(by="ann"),
    e.Succeeded(output=CONTENT, data={"x": CONTENT}),
    e.Failed(code="X", message="No."),
    e.Cancelled(by="ann", reason="Enough."),
    e.Refused(code="X", message="No."),
]


@pytest.fixture
def out():
    """Where lines go; what `configure` changed in the process is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in logs._QUIET}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def lines(out):
    def read():
        return [json.loads(line) for line in out.getvalue().splitlines()]

    return read


def test_a_line_has_its_fields_in_order(out, lines, journal, run):
    logs.configure("info", "json", out)
    journal(logs.Logs("info")).write(e.Failed(code="X", message="No."), after=2500)
    (line,) = lines()
    assert list(line)[:6] == ["ts", "level", "event", "run", "agent", "trace_id"]
    assert line["ts"].endswith("Z")
    assert (line["level"], line["event"]) == ("error", "run.failed")
    assert (line["run"], line["agent"], line["trace_id"]) == ("run_1", "reader", trace_id("run_1"))
    assert (line["code"], line["message"], line["seq"], line["seconds"]) == ("X", "No.", 1, 2.5)


def test_every_kind_of_entry_has_a_line():
    assert {type(body) for body in BODIES} == set(Body.__args__) == set(logs.LINES)


def test_what_agents_and_models_say_is_not_logged(out, lines, journal):
    logs.configure("debug", "json", out)
    diary = journal(logs.Logs("debug"))
    for body in BODIES:
        diary.write(body)
    assert [line["event"] for line in lines()] == [body.__struct_config__.tag for body in BODIES]
    assert CONTENT not in out.getvalue()


def test_steps_are_for_those_who_debug(out, lines, journal):
    logs.configure("info", "json", out)
    diary = journal(logs.Logs("info"))
    diary.write(e.ToolReturned(call="c", name="t", text=""))
    diary.write(e.ToolDoubted(call="c", name="t"))
    assert [(line["event"], line["level"]) for line in lines()] == [("tool.doubted", "warning")]


def test_a_failure_that_is_tried_again_is_a_warning(out, lines, journal):
    logs.configure("info", "json", out)
    journal(logs.Logs("info")).write(e.Failed(code="X", message="No.", retry_ms=5))
    assert lines()[0]["level"] == "warning"


def test_empty_fields_are_left_out_and_zeros_are_not(out, lines, journal):
    logs.configure("debug", "json", out)
    journal(logs.Logs("debug")).write(e.ToolReturned(call="c", name="t", text=""))
    assert "error" not in lines()[0]
    assert lines()[0]["ms"] == 0


def test_libraries_take_the_same_way(out, lines):
    logs.configure("info", "json", out)
    logging.getLogger("lib").info("took %d ms", 5, extra={"run": "run_1", "api_key": "x"})
    logging.getLogger("lib").debug("not this")
    (line,) = lines()
    assert (line["event"], line["level"], line["run"]) == ("took 5 ms", "info", "run_1")
    assert line["trace_id"] == trace_id("run_1")
    assert line["api_key"] == "[masked]"


def test_chatty_libraries_are_held_back(out, lines):
    logs.configure("debug", "json", out)
    logging.getLogger("httpx").info("HTTP Request: GET https://example.com/?key=secret")
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.error").error("Broken")
    assert [line["event"] for line in lines()] == ["Broken"]


def test_what_is_bound_around_is_in_the_line(out, lines):
    logs.configure("info", "json", out)
    with structlog.contextvars.bound_contextvars(run="run_2", agent="a"):
        structlog.get_logger().info("hello")
    assert (lines()[0]["run"], lines()[0]["trace_id"]) == ("run_2", trace_id("run_2"))


def _refuse(secret):
    raise ValueError(f"refused: {secret}")


def test_a_traceback_is_told_without_variables_and_secrets(out, lines):
    logs.configure("info", "json", out)
    try:
        _refuse("sk-abcdefghijklmnop1234")
    except ValueError:
        logging.getLogger("lib").exception("It broke.")
    assert "Traceback" in lines()[0]["exception"]
    assert "ValueError: refused: [masked]" in lines()[0]["exception"]
    assert "sk-abc" not in out.getvalue()


def test_text_for_a_terminal_hides_the_same(out, journal):
    logs.configure("info", "text", out)
    journal(logs.Logs("info")).write(e.Failed(code="X", message="token=abcdefgh"))
    try:
        _refuse("sk-abcdefghijklmnop1234")
    except ValueError:
        structlog.get_logger().exception("It broke.", password="x")
    printed = out.getvalue()
    assert "run.failed" in printed
    assert "Traceback" in printed
    assert "refused: [masked]" in printed
    assert "abcdefgh" not in printed
    assert "password=[masked]" in printed


@pytest.mark.parametrize(("terminal", "json_lines"), [(True, False), (False, True)])
def test_auto_is_text_on_a_terminal_and_json_elsewhere(out, monkeypatch, terminal, json_lines):
    monkeypatch.setattr(out, "isatty", lambda: terminal)
    logs.configure("info", "auto", out)
    structlog.get_logger().info("hello")
    assert out.getvalue().startswith("{") is json_lines


def test_a_line_has_an_end(out, lines):
    logs.configure("info", "json", out)
    structlog.get_logger().info("x" * 5000)
    event = lines()[0]["event"]
    assert len(event) < 2100
    assert "[3000 characters left out]" in event


def test_what_json_does_not_know_is_written_as_text(out, lines):
    logs.configure("info", "json", out)
    structlog.get_logger().info("hello", where={"a": io.StringIO}, raw=b"x", n=float("nan"))
    assert "StringIO" in lines()[0]["where"]["a"]


def test_configuring_again_replaces_what_was_before(out, lines):
    other = io.StringIO()
    logs.configure("info", "json", other)
    logs.configure("warning", "json", out)
    logging.getLogger("lib").warning("once")
    structlog.get_logger().info("not this")
    assert [line["event"] for line in lines()] == ["once"]
    assert other.getvalue() == ""


def test_warnings_of_libraries_are_lines(out, lines):
    logs.configure("info", "json", out)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)
    assert "old" in lines()[0]["event"]


def test_half_a_character_breaks_neither_the_line_nor_its_mask(out):
    logs.configure("info", "json", out)
    half = "a\udcff.yaml token=abcdefgh1234"
    structlog.get_logger("ours").warning("ours", error=half, more={"a\udcff": [half]})
    try:
        int(half)
    except ValueError:
        logging.getLogger("theirs").exception("theirs: %s", half)
    ours, theirs = map(json.loads, out.getvalue().splitlines())
    assert ours["error"] == "a?.yaml token=[masked]"
    assert theirs["event"] == "theirs: a?.yaml token=[masked]"
    assert "ValueError" in theirs["exception"]
    assert "abcdefgh1234" not in out.getvalue()
