"""What becomes of a run in the memory desk, by its entries and by what is said to it."""

from collections.abc import Iterable

from msgspec.structs import replace

from folkmoot.core import entries as e
from folkmoot.core import signals
from folkmoot.core.entries import Body, Entry
from folkmoot.core.errors import Denied, WrongState
from folkmoot.core.run import Run, RunState
from folkmoot.core.signals import AnySignal
from folkmoot.core.view import View
from folkmoot.ports.desk import Answer, Delta, Question

_ENDS = {
    e.Succeeded: RunState.SUCCEEDED,
    e.Cancelled: RunState.CANCELLED,
    e.Refused: RunState.REFUSED,
}


def answer(item: Entry | Delta, message: str) -> Answer | None:
    """Return the answer to a message when this item is it."""
    body = item.read() if isinstance(item, Entry) else None
    if not isinstance(body, e.MessageAnswered) or body.message != message:
        return None
    return Answer(
        run=item.run, message=message, output=body.output, data=body.data, error=body.error
    )


def moved(run: Run, view: View, body: Body) -> Run:
    """Return the run after an entry: its state, what it waits for, what it spent."""
    state, waits_for, error = RunState.RUNNING, "", ""
    if isinstance(body, e.Created | e.Reset):
        state = RunState.QUEUED
    elif isinstance(body, e.Failed):
        state = RunState.FAILED if body.retry_ms is None else RunState.QUEUED
        error = f"{body.code}: {body.message}"
    elif type(body) in _ENDS:
        state = _ENDS[type(body)]
    elif isinstance(body, e.MessageAnswered):
        state, waits_for = RunState.WAITING, "message"
    elif waits_for := _waits_for(view, body):
        state = RunState.WAITING
    return replace(
        run,
        state=state,
        waits_for=waits_for,
        error=error,
        attempt=view.attempt,
        updated_at=view.at,
        head=view.head.seq,
        head_hash=view.head.hash.hex(),
        spend=view.spend,
        output=view.output,
    )


def _waits_for(view: View, body: Body) -> str:
    if view.paused:
        return "resume"
    if view.approvals:
        return "approval"
    if view.question:
        return "message"
    return "time" if isinstance(body, e.Slept) else ""


def entry_of(signal: AnySignal, attempt: int) -> Body:
    """Return what a run writes into its journal when it hears a signal."""
    match signal:
        case signals.Say(text, by):
            return e.MessageAdded(text=text, by=by)
        case signals.Cancel(by, reason):
            return e.Cancelled(by=by, reason=reason)
        case signals.Pause(by):
            return e.Paused(by=by)
        case signals.Resume(by):
            return e.Continued(by=by)
        case signals.Vote(approval, approve, by, note):
            return e.StepVoted(approval=approval, approve=approve, by=by, note=note)
        case signals.Retry(by):
            return e.Reset(attempt=attempt + 1, reason=f"Retried by {by or 'somebody'}.")


def check_vote(view: View, vote: signals.Vote) -> None:
    """Refuse a vote that means nothing or comes from somebody who may not decide."""
    approval = view.approvals.get(vote.approval)
    if approval is None:
        raise WrongState(
            f"The run does not wait for approval {vote.approval!r}.", kept="Nothing was changed."
        )
    if approval.by and vote.by not in approval.by:
        raise Denied(f"{vote.by!r} may not decide this.", kept="The question stays open.")


def questions(run: Run, view: View) -> Iterable[Question]:
    """Return the approvals that a run waits for."""
    for approval in view.approvals.values():
        pending = view.pending.get(approval.call)
        yield Question(
            run=run.id,
            agent=run.agent,
            approval=approval.id,
            act=approval.act,
            reason=approval.reason,
            policy=approval.policy,
            args={} if pending is None else pending.call.args,
            digest=approval.digest,
            needs=approval.needs,
            by=approval.by,
            yes=approval.yes,
            expires_at=approval.expires_at,
        )
