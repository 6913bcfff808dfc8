"""The journal in words: each entry as one line for people."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from folkmoot.cli.text import many, money, short, span
from folkmoot.core import entries as e
from folkmoot.core.entries import Body
from folkmoot.core.messages import ToolCall

_ARG, _ARGS, _CALLED = 60, 120, 72
_FEW = 3


class Line(NamedTuple):
    """A line: what kind of thing happened (a mark of at most two characters), and what."""

    mark: str
    text: str
    style: str = ""


def of(body: Body) -> Line:
    """Return the line of an entry."""
    return _LINES[type(body)](body)


class Story:
    """Lines of one run, in order: it knows which call a result belongs to."""

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}

    def line(self, body: Body) -> Line:
        """Return the line of the next entry."""
        if isinstance(body, e.ModelReplied):
            self._calls |= {asked.id: short(call(asked), _CALLED) for asked in body.calls}
        elif isinstance(body, e.ToolStarted | e.ToolReturned | e.ToolDoubted):
            body = structs.replace(body, name=self._calls.get(body.call, body.name))
        return of(body)


def call(asked: ToolCall) -> str:
    """Return a tool call as a person would write it, shortened."""
    if asked.raw:
        return f"{asked.name}({short(asked.raw, _ARG)})"
    args = ", ".join(f"{key}={_value(value)}" for key, value in asked.args.items())
    return f"{asked.name}({short(args, _ARGS)})"


def _value(value: Any) -> str:
    return short(msgspec.json.encode(value, enc_hook=str).decode(), _ARG)


def _created(body: e.Created) -> Line:
    return Line("=", f"task: {short(body.task.input)}", "bold")


def _reset(body: e.Reset) -> Line:
    return Line("=", f"attempt {body.attempt} begins: {short(body.reason)}", "yellow")


def _resumed(body: e.Resumed) -> Line:
    lost = f"; nobody saw the end of {', '.join(body.lost)}" if body.lost else ""
    return Line("=", f"taken over by worker {body.worker}{lost}", "yellow")


def _model_called(body: e.ModelCalled) -> Line:
    why = "" if body.purpose == "reply" else f" for a {body.purpose}"
    return Line(">", f"asks {body.model}{why}", "dim")


def _model_replied(body: e.ModelReplied) -> Line:
    said = short(body.text) if body.text.strip() else ""
    calls = ", ".join(short(call(asked), _CALLED) for asked in body.calls[:_FEW])
    if len(body.calls) > _FEW:
        calls += f", and {many(len(body.calls) - _FEW, 'more call')}"
    return Line("<", "; ".join(part for part in (said, calls, cost(body)) if part))


def cost(body: e.ModelReplied) -> str:
    """Return what a reply took: time, tokens, money."""
    price = f", {money(body.nanos)}" if body.nanos else ""
    tokens = many(body.usage.total, "token")
    cut = "" if body.finish in {"stop", "tools"} else f", cut: {body.finish}"
    return f"[{span(body.ms)}, {tokens}{price}{cut}]"


def _model_failed(body: e.ModelFailed) -> Line:
    then = "nobody tries again"
    if body.retry_ms is not None:
        then = f"tries again in {span(body.retry_ms)}"
    elif body.next:
        then = f"goes on with {body.next}"
    return Line("!", f"{body.model}: {body.code} {short(body.detail)}; {then}", "yellow")


def _tool_started(body: e.ToolStarted) -> Line:
    return Line("->", f"{body.name} begins ({body.effect})", "dim")


def _tool_returned(body: e.ToolReturned) -> Line:
    how = f"{body.error}: " if body.error else ""
    found = ", found done after a crash" if body.reconciled else ""
    style = "yellow" if body.error else ""
    return Line("<-", f"{body.name} [{span(body.ms)}{found}] {how}{short(body.text)}", style)


def _tool_doubted(body: e.ToolDoubted) -> Line:
    return Line("?", f"{body.name} is in doubt: begun, its end not seen, not repeated", "red")


def _denied(body: e.StepDenied) -> Line:
    return Line(
        "x", f"{body.act} denied by {body.policy}: {short(body.reason)} [{body.code}]", "red"
    )


def _asked(body: e.StepAsked) -> Line:
    votes = "" if body.needs == 1 else f", needs {body.needs}"
    return Line(
        "?", f"{body.act} waits for approval {body.approval}{votes}: {short(body.reason)}", "cyan"
    )


def _voted(body: e.StepVoted) -> Line:
    word = "approved" if body.approve else "denied"
    note = f": {short(body.note)}" if body.note else ""
    return Line("?", f"{body.by or 'somebody'} {word} {body.approval}{note}", "cyan")


def _expired(body: e.ApprovalExpired) -> Line:
    return Line("x", f"nobody answered {body.approval} in time: denied", "red")


def _added(body: e.MessageAdded) -> Line:
    return Line("+", f"{body.by or 'somebody'} says: {short(body.text)}", "cyan")


def _answered(body: e.MessageAnswered) -> Line:
    if body.error:
        return Line("x", f"no answer: {short(body.error)}", "bold red")
    return Line("=", "answered", "bold green")


def _dropped(body: e.ContextDropped) -> Line:
    return Line("=", f"the oldest {many(body.upto, 'message')} are no longer shown", "dim")


def _rejected(body: e.ReplyRejected) -> Line:
    return Line("x", f"the reply does not fit: {short(body.reason)}", "yellow")


def _question(body: e.Asked) -> Line:
    return Line("?", f"asks: {short(body.question)}", "cyan")


def _slept(_: e.Slept) -> Line:
    return Line("=", "sleeps", "dim")


def _woke(_: e.Woke) -> Line:
    return Line("=", "wakes: the time has come", "dim")


def _paused(body: e.Paused) -> Line:
    return Line("=", f"paused by {body.by or 'somebody'}", "cyan")


def _continued(body: e.Continued) -> Line:
    return Line("=", f"resumed by {body.by or 'somebody'}", "cyan")


def _succeeded(_: e.Succeeded) -> Line:
    return Line("=", "succeeded", "bold green")


def _failed(body: e.Failed) -> Line:
    again = "" if body.retry_ms is None else f"; another attempt in {span(body.retry_ms)}"
    return Line("x", f"failed: {short(body.message)} [{body.code}]{again}", "bold red")


def _cancelled(body: e.Cancelled) -> Line:
    why = f": {short(body.reason)}" if body.reason else ""
    return Line("x", f"cancelled by {body.by or 'somebody'}{why}", "bold yellow")


def _refused(body: e.Refused) -> Line:
    return Line("x", f"refused: {short(body.message)} [{body.code}]", "bold red")


_LINES: dict[type, Callable[[Any], Line]] = {
    e.Created: _created,
    e.Reset: _reset,
    e.Resumed: _resumed,
    e.ModelCalled: _model_called,
    e.ModelReplied: _model_replied,
    e.ModelFailed: _model_failed,
    e.ToolStarted: _tool_started,
    e.ToolReturned: _tool_returned,
    e.ToolDoubted: _tool_doubted,
    e.StepDenied: _denied,
    e.StepAsked: _asked,
    e.StepVoted: _voted,
    e.ApprovalExpired: _expired,
    e.MessageAdded: _added,
    e.MessageAnswered: _answered,
    e.ContextDropped: _dropped,
    e.ReplyRejected: _rejected,
    e.Asked: _question,
    e.Slept: _slept,
    e.Woke: _woke,
    e.Paused: _paused,
    e.Continued: _continued,
    e.Succeeded: _succeeded,
    e.Failed: _failed,
    e.Cancelled: _cancelled,
    e.Refused: _refused,
}
