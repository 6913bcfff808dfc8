"""What is known of one run, folded from its entries as they become durable.

A status says what the last entry says: QUEUED, WORKING, WAITING (for a person, a time, a pause),
COMPLETED, FAILED, CANCELLED, REFUSED. While a question to people is open the run is WAITING, whatever
its other calls do. Numbers are what was added since the last writing: two workers that drive a run one
after the other both add to what is there.
"""

from collections.abc import Callable

import msgspec

from folkmoot.core import entries as e
from folkmoot.core.entries import Body, Entry
from folkmoot.core.run import Run
from folkmoot.core.spend import NANOS_PER_USD

QUEUED, WORKING, WAITING, COMPLETED = "QUEUED", "WORKING", "WAITING", "COMPLETED"
FAILED, CANCELLED, REFUSED = "FAILED", "CANCELLED", "REFUSED"
ENDED = frozenset({COMPLETED, FAILED, CANCELLED, REFUSED})

_STATUS: dict[type, str] = {
    e.Created: QUEUED,
    e.Asked: WAITING,
    e.MessageAnswered: WAITING,
    e.Slept: WAITING,
    e.Paused: WAITING,
    e.Succeeded: COMPLETED,
    e.Failed: FAILED,
    e.Cancelled: CANCELLED,
    e.Refused: REFUSED,
}
_LONGEST = 100


class Note(msgspec.Struct):
    """One run. `whole`: nobody has written numbers of it yet. `asks`: open questions -> votes needed."""

    run: Run
    whole: bool = False
    status: str = QUEUED
    seq: int = 0
    at: int = 0
    attempt: int = 1
    doing: str = ""
    error: str = ""
    asks: dict[str, int] = msgspec.field(default_factory=dict)
    sums: dict[str, float] = msgspec.field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of the run."""
        return self.status in ENDED

    def add(self, name: str, amount: float = 1) -> None:
        """Count."""
        if amount:
            self.sums[name] = self.sums.get(name, 0) + amount


def apply(note: Note, entry: Entry, body: Body) -> str:
    """Take one more entry in. Returns the code of the error that it tells of, or nothing."""
    kind = type(body)
    note.seq, note.at, note.doing = entry.seq, entry.at, entry.kind
    handler = _HANDLERS.get(kind)
    code = handler(note, body) if handler is not None else ""
    status = _STATUS.get(kind, WORKING)
    note.status = WAITING if note.asks and status == WORKING else status
    if kind is e.Failed and body.retry_ms is not None:  # type: ignore[union-attr]
        note.status = QUEUED
    return code


def _named(note: Note, name: str) -> None:
    note.doing = f"{note.doing} {name[:_LONGEST]}"


def _erred(note: Note, code: str) -> str:
    note.error = code
    note.add("errors")
    return code


def _model_called(note: Note, body: e.ModelCalled) -> str:
    _named(note, body.model)
    return ""


def _model_replied(note: Note, body: e.ModelReplied) -> str:
    _named(note, body.model)
    note.add("model_calls")
    note.add("tokens_input", body.usage.input)
    note.add("tokens_output", body.usage.output)
    note.add("cost_usd", body.nanos / NANOS_PER_USD)
    return ""


def _model_failed(note: Note, body: e.ModelFailed) -> str:
    _named(note, body.model)
    note.add("model_calls")
    return _erred(note, body.code)


def _tool_started(note: Note, body: e.ToolStarted) -> str:
    _named(note, body.name)
    return ""


def _tool_returned(note: Note, body: e.ToolReturned) -> str:
    note.add("tool_calls")
    if body.error != "TOOL_NOT_FOUND":  # otherwise the name is the model's invention
        _named(note, body.name)
    return _erred(note, body.error) if body.error else ""


def _tool_doubted(note: Note, body: e.ToolDoubted) -> str:
    _named(note, body.name)
    note.add("tool_calls")
    return _erred(note, "IN_DOUBT")


def _told(note: Note, body: e.StepDenied | e.Refused) -> str:
    return _erred(note, body.code)


def _failed(note: Note, body: e.Failed) -> str:
    """Count, unless the run fails of the very error that was told just before."""
    note.asks.clear()
    return "" if body.code == note.error else _erred(note, body.code)


def _reset(note: Note, body: e.Reset) -> str:
    note.attempt, note.error = body.attempt, ""
    note.asks.clear()
    return ""


def _asked(note: Note, body: e.StepAsked) -> str:
    note.asks[body.approval] = body.needs
    return ""


def _voted(note: Note, body: e.StepVoted) -> str:
    left = note.asks.get(body.approval, 0) - 1
    if body.approve and left > 0:
        note.asks[body.approval] = left
    else:
        note.asks.pop(body.approval, None)
    return ""


def _expired(note: Note, body: e.ApprovalExpired) -> str:
    note.asks.pop(body.approval, None)
    return ""


_HANDLERS: dict[type, Callable[..., str]] = {
    e.Reset: _reset,
    e.ModelCalled: _model_called,
    e.ModelReplied: _model_replied,
    e.ModelFailed: _model_failed,
    e.ToolStarted: _tool_started,
    e.ToolReturned: _tool_returned,
    e.ToolDoubted: _tool_doubted,
    e.StepDenied: _told,
    e.StepAsked: _asked,
    e.StepVoted: _voted,
    e.ApprovalExpired: _expired,
    e.Failed: _failed,
    e.Refused: _told,
}
