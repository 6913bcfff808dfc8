"""Hearing: signals from outside become entries, in the order in which they came.

A signal is consumed in the transaction that writes its entry, so it is heard exactly once. In the run
of a conversation messages are only laid by: the mailbox (flow/mailbox.py) gives out one at a time.
"""

from folkmoot.core import entries as e
from folkmoot.core import signals as s
from folkmoot.core.changes import Consume, Signal
from folkmoot.core.run import RunState
from folkmoot.core.view import View
from folkmoot.flow.journal import Journal
from folkmoot.flow.mailbox import Mailbox


async def hear(journal: Journal, pending: list[Signal], mailbox: Mailbox | None = None) -> bool:
    """Take signals into the journal. Returns True when they ended the run."""
    for signal in pending:
        journal.heard += 1
        if mailbox is not None and signal.kind == "say":
            mailbox.put(signal)
            continue
        said = s.read(signal.body)
        consume = Consume(run=journal.run.id, fence=journal.fence, ids=(signal.id,))
        body = entry_of(said, journal.view)
        if mailbox is not None:
            mailbox.settle(journal, body)
        if isinstance(body, e.Cancelled):
            await journal.move(body, RunState.CANCELLED, consume, error=f"CANCELLED: {body.reason}")
            return True
        if body is None:
            await journal.commit(changes=(consume,))
        else:
            journal.note(body, consume)
    return False


def entry_of(said: s.AnySignal, view: View) -> e.Body | None:
    """Return what a signal writes; None when it means nothing where the run stands now."""
    match said:
        case s.Say(text=text, by=by):
            return e.MessageAdded(text=text, by=by)
        case s.Cancel(by=by, reason=reason):
            return e.Cancelled(by=by, reason=reason)
        case s.Pause(by=by):
            return None if view.paused else e.Paused(by=by)
        case s.Resume(by=by):
            return e.Continued(by=by) if view.paused else None
        case s.Vote(approval=approval, approve=approve, by=by, note=note):
            known = approval in view.approvals
            return (
                e.StepVoted(approval=approval, approve=approve, by=by, note=note) if known else None
            )
        case s.Retry(by=by):
            again = e.Reset(attempt=view.attempt + 1, reason=f"asked for by {by or 'a person'}")
            return again if view.ended is not None else None
