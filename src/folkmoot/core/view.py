"""The view: where a run stands. fold(entries) gives it, and recovery is nothing but that.

The fold is incremental: `apply(view, entry)` changes the view that it is given and returns it, so a
step costs the same however long the history is. A view has one owner; nobody else keeps a piece.
"""

from typing import Any

import msgspec

from folkmoot.core import entries as e
from folkmoot.core.entries import Body, Entry, Head
from folkmoot.core.messages import Answered, Message, Returned, Said, rough_tokens
from folkmoot.core.pending import APPROVED, ASKED, STARTED, Approval, Pending, Turn
from folkmoot.core.spend import Hold, Spend
from folkmoot.core.task import Task


class View(msgspec.Struct):
    """Where a run stands. Times are ms since 1970; `began` is the first entry of this attempt.

    `sizes` are running totals of rough tokens, one for each message. `shown` messages at the start
    are no longer shown to the model (`summary` stands for them). `model` is a fallback in use, `finish`
    says why the last reply ended; `surplus` is how many tokens its prompt had beyond `tokens`.

    In a conversation `turn` is the message that is worked on, `asked` its place (elsewhere 0: the task),
    `base` what was spent before it; `rested` is the time of the last answer, and `idle` says that the
    conversation has been at rest long enough to be summed up.
    """

    run: str
    head: Head = Head()
    at: int = 0
    began: int = 0
    attempt: int = 1
    definition: str = ""
    task: Task | None = None
    messages: list[Message] = []
    sizes: list[int] = []
    shown: int = 0
    summary: str = ""
    pending: dict[str, Pending] = {}
    later: list[Said] = []
    reply: int = 0
    approvals: dict[str, Approval] = {}
    model_call: str = ""
    holds: tuple[Hold, ...] = ()
    estimate: int = 0
    fault: e.ModelFailed | None = None
    faults: int = 0
    retry_at: int = 0
    model: str = ""
    replies: int = 0
    finish: str = ""
    surplus: int = 0
    rejects: int = 0
    calls: int = 0
    spend: Spend = Spend()
    paused: bool = False
    question: str = ""
    wake_at: int | None = None
    output: str = ""
    data: Any = None
    ended: Body | None = None
    turn: Turn | None = None
    asked: int = 0
    base: Spend = Spend()
    rested: int = 0
    idle: bool = False

    @property
    def talks(self) -> bool:
        """Whether this is the run of a conversation."""
        return self.task is not None and self.task.conversation != ""

    @property
    def tokens(self) -> int:
        """Rough tokens of the messages that the model is shown."""
        if not self.sizes:
            return 0
        return self.sizes[-1] - (self.sizes[self.shown - 1] if self.shown else 0)

    @property
    def last(self) -> Answered | None:
        """The model's last reply, when nothing but open calls came after it."""
        if self.messages and isinstance(self.messages[-1], Answered):
            return self.messages[-1]
        return None


def fold(run: str, journal: list[Entry]) -> View:
    """Return the view that a journal gives."""
    view = View(run)
    for entry in journal:
        apply(view, entry)
    return view


def apply(view: View, entry: Entry, body: Body | None = None) -> View:
    """Take one more entry into the view. `body` saves decoding when the writer has it at hand."""
    body = entry.read() if body is None else body
    view.head = Head(entry.seq, entry.hash)
    view.at = entry.at
    _HANDLERS[type(body)](view, body)
    return view


def _add(view: View, message: Message) -> None:
    """Add a message to the transcript, and its size to the running total."""
    sizes = view.sizes
    view.messages.append(message)
    sizes.append((sizes[-1] if sizes else 0) + rough_tokens(message))


def _created(view: View, body: e.Created) -> None:
    view.task = body.task
    view.definition = body.definition
    view.began = view.rested = view.at
    if not body.task.conversation:
        _add(view, Said(body.task.input))


def _reset(view: View, body: e.Reset) -> None:
    if view.turn is not None:
        _again(view, view.turn, body.attempt)
        return
    task, spend = view.task, view.spend
    fresh = View(view.run, view.head, view.at, view.at, body.attempt, view.definition, task)
    fresh.spend, fresh.calls = spend, view.calls
    for field in view.__struct_fields__:
        setattr(view, field, getattr(fresh, field))
    if view.talks:
        view.base, view.rested = spend, view.at
    elif task is not None:
        _add(view, Said(task.input))


def _again(view: View, turn: Turn, attempt: int) -> None:
    """Go back to where the message was taken: what the attempt before did is shown no more."""
    del view.messages[turn.at + 1 :], view.sizes[turn.at + 1 :]
    view.shown, view.summary = turn.shown, turn.summary
    for open_ in (view.pending, view.later, view.approvals):
        open_.clear()
    view.attempt, view.began, view.ended = attempt, view.at, None
    view.paused, view.question, view.wake_at = False, "", None
    _uncount(view)


def _uncount(view: View) -> None:
    """Limits and tries count from here."""
    view.replies = view.rejects = view.faults = 0
    view.fault, view.model = None, ""


def _resumed(view: View, body: e.Resumed) -> None:
    view.model_call, view.holds = "", ()
    if body.uncertain:
        view.spend += Spend(uncertain=body.uncertain)


def _model_called(view: View, body: e.ModelCalled) -> None:
    view.calls += 1
    view.model_call = body.call
    view.holds, view.estimate = body.holds, body.estimate


def _model_replied(view: View, body: e.ModelReplied) -> None:
    usage, spend = body.usage, view.spend
    view.spend = Spend(
        spend.input + usage.input,
        spend.output + usage.output,
        spend.nanos + body.nanos,
        spend.uncertain,
        spend.model_calls + 1,
        spend.tool_calls,
    )
    view.model_call, view.holds, view.fault, view.faults, view.model = "", (), None, 0, ""
    if body.purpose == "summary":
        view.shown, view.summary = body.upto, body.text
        return
    view.replies += 1
    view.surplus = usage.input - view.tokens
    view.reply, view.finish = view.head.seq, body.finish
    _add(view, Answered(body.text, body.calls, body.thoughts))
    view.pending = {call.id: Pending(call) for call in body.calls}


def _model_failed(view: View, body: e.ModelFailed) -> None:
    view.model_call, view.holds, view.fault = "", (), body
    view.faults = 0 if body.next else view.faults + 1
    view.retry_at = view.at + (body.retry_ms or 0)
    view.model = body.next or view.model
    view.spend += Spend(uncertain=body.uncertain, model_calls=1)


def _tool_started(view: View, body: e.ToolStarted) -> None:
    if body.call in view.pending:
        view.pending[body.call].status = STARTED


def _close(view: View, call: str, text: str, *, error: bool) -> bool:
    """Answer an open call; return False when it is not open (any more).

    An open question to people about the call has no meaning any more. Messages that came meanwhile
    are shown after the last answer: every provider wants a reply's results directly behind it.
    """
    pending = view.pending.pop(call, None)
    if pending is None:
        return False
    view.approvals.pop(pending.approval, None)
    _add(view, Returned(call, pending.call.name, text, error))
    if not view.pending and view.later:
        for message in view.later:
            _add(view, message)
        view.later.clear()
    return True


def _tool_returned(view: View, body: e.ToolReturned) -> None:
    if _close(view, body.call, body.text, error=bool(body.error)):
        view.spend += Spend(tool_calls=1)


def _tool_doubted(view: View, body: e.ToolDoubted) -> None:
    if _close(view, body.call, DOUBT, error=True):
        view.spend += Spend(tool_calls=1)


def _denied(view: View, body: e.StepDenied) -> None:
    _close(view, body.call, f"Denied by policy {body.policy!r}: {body.reason}", error=True)


def _asked(view: View, body: e.StepAsked) -> None:
    view.approvals[body.approval] = Approval(
        body.approval,
        body.call,
        body.digest,
        body.needs,
        body.expires_at,
        body.by,
        (),
        body.act,
        body.reason,
        body.policy,
    )
    if body.call in view.pending:
        view.pending[body.call].status = ASKED
        view.pending[body.call].approval = body.approval


def _voted(view: View, body: e.StepVoted) -> None:
    approval = view.approvals.get(body.approval)
    if approval is None or (approval.by and body.by not in approval.by):
        return
    if not body.approve:
        _close_approval(view, approval, f"{body.by or 'A person'} denied this. {body.note}".strip())
        return
    if body.by not in approval.yes:
        approval.yes += (body.by,)
    if len(approval.yes) >= approval.needs and approval.call in view.pending:
        view.pending[approval.call].status = APPROVED
        view.pending[approval.call].digest = approval.digest
        del view.approvals[approval.id]


def _expired(view: View, body: e.ApprovalExpired) -> None:
    approval = view.approvals.get(body.approval)
    if approval is not None:
        _close_approval(view, approval, "Nobody approved this in time.")


def _close_approval(view: View, approval: Approval, reason: str) -> None:
    del view.approvals[approval.id]
    _close(view, approval.call, reason, error=True)


def _added(view: View, body: e.MessageAdded) -> None:
    view.question = ""
    said = Said(body.text, body.by)
    if view.pending:
        view.later.append(said)
        return
    if body.message:
        _take(view, body)
    _add(view, said)


def _take(view: View, body: e.MessageAdded) -> None:
    """Begin to work on a message of a conversation."""
    view.asked = len(view.messages)
    seq, to, deadline = view.head.seq, body.reply_to, body.deadline
    view.turn = Turn(body.message, view.asked, seq, to, deadline, view.shown, view.summary)
    view.definition = body.definition or view.definition
    view.attempt, view.began, view.base, view.idle = 1, view.at, view.spend, False
    _uncount(view)


def _answered(view: View, body: e.MessageAnswered) -> None:
    if view.turn is None or view.turn.message != body.message:
        return  # it was never worked on
    for call in list(view.pending):
        _close(view, call, GIVEN_UP, error=True)
    if body.error:
        _add(view, Said(f"This was not answered: {body.error}", "folkmoot"))
    else:
        view.output, view.data = body.output, body.data
    view.turn, view.question, view.wake_at = None, "", None
    view.base, view.rested = view.spend, view.at
    _uncount(view)


def _dropped(view: View, body: e.ContextDropped) -> None:
    view.shown, view.fault = body.upto, None  # what was too long is not asked any more


def _rejected(view: View, body: e.ReplyRejected) -> None:
    view.rejects += 1
    _add(view, Said(body.reason, "output schema"))


def _question(view: View, body: e.Asked) -> None:
    view.question = body.question


def _slept(view: View, body: e.Slept) -> None:
    view.wake_at = body.until


def _woke(view: View, _: e.Woke) -> None:
    view.wake_at = None
    view.idle = view.turn is None and view.talks


def _paused(view: View, _: e.Paused) -> None:
    view.paused = True


def _continued(view: View, _: e.Continued) -> None:
    view.paused = False


def _succeeded(view: View, body: e.Succeeded) -> None:
    view.output, view.data, view.ended = body.output, body.data, body


def _failed(view: View, body: e.Failed) -> None:
    view.ended = body


def _ended(view: View, body: Body) -> None:
    view.ended = body


DOUBT = (
    "This call was begun, then the system stopped before its end was seen. It is not known whether "
    "it took effect. It was not repeated. Check before you do it again."
)
GIVEN_UP = "This call was not made: the message it belonged to was given up."

_HANDLERS: dict[type, Any] = {
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
    e.Cancelled: _ended,
    e.Refused: _ended,
}
