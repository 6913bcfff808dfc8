"""Traces: spans made from entries. One run is one connected trace, across restarts and workers.

    invoke_agent (attempt 1) ─┬─ chat MODEL
                              ├─ execute_tool NAME
                              ├─ gate.denied, gate.asked, run.resumed … (moments, without length)
                              └─ invoke_agent (attempt 2) ── …

In a conversation, which may never end, each message is such a tree of its own within the trace.

A span is written when it ends, complete, from the entry that ends it; no span is ever held open, so
a crash loses at most what was not yet sent. Ids are derived (core/trace.py): whichever worker writes
a span, its trace and its parent are right. The span of an attempt comes last, from the worker that
ends the run; until then its children name a parent that is not there yet.

Nothing of OpenTelemetry is imported here: export.py does that when traces are on. Prompts, replies,
arguments and results are never part of a span.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from folkmoot.core import entries as e
from folkmoot.core.entries import Body, Entry
from folkmoot.core.run import Run
from folkmoot.core.trace import span_id, trace_id

_MOST_OPEN = 20_000
_PROVIDERS = {"bedrock": "aws.bedrock"}  # the names that OpenTelemetry gives; the others are equal

Attributes = dict[str, str | int | float | bool | tuple[str, ...]]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One finished span. Ids are hex, times ms since 1970; `error` is a code, empty when all is well."""

    trace: str
    id: str
    parent: str
    name: str
    start: int
    end: int
    attributes: Attributes
    outgoing: bool = False
    error: str = ""


class _Part(msgspec.Struct, frozen=True):
    """What is particular to one span within a run. `start` None means that it has no length."""

    name: str
    call: str
    attributes: Attributes
    start: int | None = None
    error: str = ""
    outgoing: bool = False


class _Open(msgspec.Struct):
    """What must be remembered of a run that goes on here: where its spans begin."""

    attempt: int
    began: int
    models: dict[str, tuple[int, int]] = {}
    tools: dict[str, int] = {}
    message: str = ""


class Traces:
    """Turns entries into spans and hands them to `send`, which must not block."""

    def __init__(self, send: Callable[[Span], None]) -> None:
        """Take where the spans go."""
        self._send = send
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._handlers: dict[type, Callable[..., None]] = {
            e.Reset: self._reset,
            e.Resumed: self._resumed,
            e.ModelCalled: self._model_called,
            e.ModelReplied: self._model_replied,
            e.ModelFailed: self._model_failed,
            e.ToolReturned: self._tool_returned,
            e.ToolDoubted: self._tool_doubted,
            e.StepDenied: self._denied,
            e.StepAsked: self._asked,
            e.StepVoted: self._voted,
            e.ApprovalExpired: self._expired,
            e.MessageAdded: self._added,
            e.MessageAnswered: self._answered,
            e.Succeeded: self._ended,
            e.Failed: self._ended,
            e.Cancelled: self._ended,
            e.Refused: self._ended,
        }

    def __call__(self, run: Run, entry: Entry, body: Body) -> None:
        """Look at one entry."""
        handler = self._handlers.get(type(body))
        if handler is not None:
            handler(run, entry, body)

    def _state(self, run: Run, at: int) -> _Open:
        """Return what is known of a run. A run that came from another worker begins with little."""
        state = self._open.get(run.id)
        if state is None:
            # Runs that went to another worker never end here: the oldest of them are forgotten.
            if len(self._open) >= _MOST_OPEN:
                self._open.popitem(last=False)
            began = run.created_at if run.attempt == 1 else at
            state = self._open[run.id] = _Open(run.attempt, began)
        return state

    def _write(self, run: Run, entry: Entry, part: _Part) -> None:
        """Send a span that belongs to the run's present attempt and ends with this entry."""
        state = self._state(run, entry.at)
        start = entry.at if part.start is None else min(part.start, entry.at)
        about: Attributes = {"folkmoot.run": run.id, "folkmoot.seq": entry.seq}
        if part.error:
            about["error.type"] = part.error
        self._send(
            Span(
                trace=trace_id(run.id),
                id=span_id(run.id, part.call),
                parent=span_id(run.id, state.message or attempt_call(state.attempt)),
                name=part.name,
                start=start,
                end=entry.at,
                attributes=about | part.attributes,
                outgoing=part.outgoing,
                error=part.error,
            )
        )

    def _moment(self, run: Run, entry: Entry, error: str = "", **attributes: Any) -> None:
        """Send a span without length: something that happened and is worth seeing in the trace."""
        named = {f"folkmoot.{key}": given for key, given in attributes.items()}
        self._write(run, entry, _Part(entry.kind, str(entry.seq), named, error=error))

    def _reset(self, run: Run, entry: Entry, body: e.Reset) -> None:
        state = self._state(run, entry.at)
        state.attempt, state.began = body.attempt, entry.at
        state.models, state.tools = {}, {}

    def _resumed(self, run: Run, entry: Entry, body: e.Resumed) -> None:
        self._state(run, entry.at).models.clear()  # their end will never be seen
        self._moment(run, entry, worker=body.worker, fence=body.fence, lost=body.lost)

    def _model_called(self, run: Run, entry: Entry, body: e.ModelCalled) -> None:
        self._state(run, entry.at).models[body.call] = (entry.seq, entry.at)

    def _model_replied(self, run: Run, entry: Entry, body: e.ModelReplied) -> None:
        state = self._state(run, entry.at)
        if body.purpose == "reply":
            state.tools = {call.id: entry.seq for call in body.calls}
        usage = body.usage
        attributes: Attributes = {
            "gen_ai.usage.input_tokens": usage.input,
            "gen_ai.usage.output_tokens": usage.output,
            "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
            "gen_ai.response.finish_reasons": (body.finish,),
            "folkmoot.purpose": body.purpose,
            "folkmoot.cost_nanos": body.nanos,
        }
        self._model_span(run, entry, body, attributes)

    def _model_failed(self, run: Run, entry: Entry, body: e.ModelFailed) -> None:
        self._model_span(run, entry, body, {}, body.code)

    def _model_span(
        self,
        run: Run,
        entry: Entry,
        body: e.ModelReplied | e.ModelFailed,
        more: Attributes,
        error: str = "",
    ) -> None:
        seq, start = self._state(run, entry.at).models.pop(body.call, (entry.seq, entry.at))
        attributes = _names(body.model) | more
        name = f"chat {attributes['gen_ai.request.model']}"
        call = f"{seq}/{body.call}"
        self._write(run, entry, _Part(name, call, attributes, start, error, outgoing=True))

    def _tool_returned(self, run: Run, entry: Entry, body: e.ToolReturned) -> None:
        self._tool_span(run, entry, body, entry.at - body.ms, body.error)

    def _tool_doubted(self, run: Run, entry: Entry, body: e.ToolDoubted) -> None:
        self._tool_span(run, entry, body, entry.at, "IN_DOUBT")

    def _tool_span(
        self, run: Run, entry: Entry, body: e.ToolReturned | e.ToolDoubted, start: int, error: str
    ) -> None:
        # Providers may use a call's id again in a later reply: the reply's number keeps them apart.
        seq = self._state(run, entry.at).tools.pop(body.call, entry.seq)
        attributes: Attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": body.name,
            "gen_ai.tool.call.id": body.call,
        }
        name, call = f"execute_tool {body.name}", f"{seq}/{body.call}"
        self._write(run, entry, _Part(name, call, attributes, start, error))

    def _denied(self, run: Run, entry: Entry, body: e.StepDenied) -> None:
        self._moment(
            run, entry, body.code, act=body.act, policy=body.policy, call=body.call, code=body.code
        )

    def _asked(self, run: Run, entry: Entry, body: e.StepAsked) -> None:
        self._moment(run, entry, act=body.act, policy=body.policy, approval=body.approval)

    def _voted(self, run: Run, entry: Entry, body: e.StepVoted) -> None:
        self._moment(run, entry, approval=body.approval, by=body.by, approve=body.approve)

    def _expired(self, run: Run, entry: Entry, body: e.ApprovalExpired) -> None:
        self._moment(run, entry, approval=body.approval)

    def _added(self, run: Run, entry: Entry, body: e.MessageAdded) -> None:
        if body.message:
            state = self._state(run, entry.at)
            state.message, state.began = message_call(body.message), entry.at

    def _answered(self, run: Run, entry: Entry, body: e.MessageAnswered) -> None:
        """Send the span of a message; of one that came from another worker the beginning is unknown."""
        state, call = self._state(run, entry.at), message_call(body.message)
        began = state.began if state.message == call else entry.at
        code = body.error.partition(":")[0]
        self._open.pop(run.id, None)
        attributes: Attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": run.agent,
            "folkmoot.run": run.id,
            "folkmoot.message": body.message,
        }
        self._send(
            Span(
                trace=trace_id(run.id),
                id=span_id(run.id, call),
                parent="",
                name=f"invoke_agent {run.agent}",
                start=min(began, entry.at),
                end=entry.at,
                attributes=attributes | ({"error.type": code} if code else {}),
                error=code,
            )
        )

    def _ended(self, run: Run, entry: Entry, body: Body) -> None:
        """Send the span of the attempt: it is the trace's root, or a child of the attempt before."""
        state = self._state(run, entry.at)
        self._open.pop(run.id, None)
        code = body.code if isinstance(body, e.Failed | e.Refused) else ""
        attributes: Attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": run.agent,
            "folkmoot.run": run.id,
            "folkmoot.attempt": state.attempt,
            "folkmoot.end": entry.kind.removeprefix("run."),
        }
        self._send(
            Span(
                trace=trace_id(run.id),
                id=span_id(run.id, attempt_call(state.attempt)),
                parent=""
                if state.attempt <= 1
                else span_id(run.id, attempt_call(state.attempt - 1)),
                name=f"invoke_agent {run.agent}",
                start=min(state.began, entry.at),
                end=entry.at,
                attributes=attributes | ({"error.type": code} if code else {}),
                error=code,
            )
        )


def attempt_call(attempt: int) -> str:
    """Return the name under which an attempt's span id is derived."""
    return f"attempt/{attempt}"


def message_call(message: str) -> str:
    """Return the name under which the span id of a conversation's message is derived."""
    return f"message/{message}"


def _names(name: str) -> Attributes:
    """Return the attributes that name a model; `name` is provider:model."""
    provider, colon, model = name.partition(":")
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDERS.get(provider, provider) if colon else "",
        "gen_ai.request.model": model if colon else name,
    }
