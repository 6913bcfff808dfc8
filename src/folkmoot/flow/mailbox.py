"""The mailbox: the messages of one conversation, in the order in which they came.

    submit ──▶ signal `say` ──▶ laid by ──▶ taken (`said`) ── … ──▶ answered (`run.answered`)
               in the store      in memory    one at a time

The mailbox is the run's signals that no journal holds; what is kept here is only what the drive has
read of them. A message is taken when no other is worked on; its signal is consumed in the transaction
that writes its `said`. Its answer, the reply that leaves and whatever comes next are one transaction
again. So a crash anywhere leaves every message in exactly one place: not taken, worked on, answered.
Whoever ends the conversation answers what waits: with why it has no answer.
"""

from collections import deque

from folkmoot.core import entries as e
from folkmoot.core import signals as s
from folkmoot.core.agent import Agent
from folkmoot.core.changes import Claimed, Consume, Signal
from folkmoot.core.view import View
from folkmoot.flow.journal import Journal


class Mailbox:
    """Messages that wait."""

    def __init__(self) -> None:
        """It is empty."""
        self._waiting: deque[Signal] = deque()

    def __bool__(self) -> bool:
        """Whether a message waits."""
        return bool(self._waiting)

    def put(self, signal: Signal) -> None:
        """Lay a message by."""
        self._waiting.append(signal)

    def unknown(self, pending: list[Signal]) -> list[Signal]:
        """Return those of the store's signals that were not laid by before."""
        known = {signal.id for signal in self._waiting}
        return [signal for signal in pending if signal.id not in known]

    def first(self) -> Signal:
        """Take out the message that came first."""
        return self._waiting.popleft()

    def settle(self, journal: Journal, body: e.Body | None) -> None:
        """Answer what waits when `body` ends the conversation, or begins one that had been ended."""
        view = journal.view
        if isinstance(body, e.Cancelled):
            error = f"CANCELLED: {body.reason or 'The conversation was ended.'}"
            if view.turn is not None:
                journal.note(e.MessageAnswered(message=view.turn.message, error=error))
        elif isinstance(body, e.Reset) and isinstance(view.ended, e.Cancelled):
            error = "CANCELLED: The conversation was ended before this was heard."
        else:
            return
        while self._waiting:
            id_ = self._waiting.popleft().id
            consume = Consume(run=journal.run.id, fence=journal.fence, ids=(id_,))
            journal.note(e.MessageAnswered(message=id_, error=error), consume)


def taken(signal: Signal, definition: str) -> e.MessageAdded:
    """Return the entry with which work on a message begins; `definition` is the one that is new."""
    said = s.read(signal.body)
    assert isinstance(said, s.Say)
    return e.MessageAdded(
        text=said.text,
        by=said.by,
        message=signal.id,
        reply_to=said.reply_to,
        deadline=said.deadline,
        definition=definition,
    )


def wanted(signal: Signal) -> str:
    """Return the digest of the definition that is to answer a message; "" for the one in use."""
    said = s.read(signal.body)
    return said.definition if isinstance(said, s.Say) else ""


def begins_with(claimed: Claimed, view: View) -> str:
    """Return the digest of the definition with which a drive begins.

    A conversation at rest begins with what its next message wants: the definition before it may name
    what is no longer here.
    """
    if view.talks and view.turn is None:
        says = (signal for signal in claimed.pending if signal.kind == "say")
        first = next(says, None)
        return (wanted(first) if first else "") or view.definition
    return view.definition or claimed.run.definition


def due(view: View, agent: Agent) -> int | None:
    """Return when (ms) a conversation at rest is to be summed up; None when there is no need."""
    how = agent.continuous
    if view.idle or how.policy == "drop" or len(view.messages) - view.shown <= how.keep_messages:
        return None
    return view.rested + round(how.idle_s * 1000)
