"""Tidings: the end of a run as an event, for those who asked to be told.

It goes out by the outbox, written in one set with the end itself. Its id follows from the run, the attempt
and the end, so that it is the same event however often it is sent.
"""

from collections.abc import Collection

import msgspec

from folkmoot.core import envelope as envelopes
from folkmoot.core import moment
from folkmoot.core.changes import Move, Outbox
from folkmoot.core.envelope import Envelope
from folkmoot.core.letters import TOPIC
from folkmoot.core.run import Run, RunState
from folkmoot.core.trace import trace_id

_KINDS = {
    RunState.SUCCEEDED: "task.completed",
    RunState.FAILED: "task.failed",
    RunState.REFUSED: "task.failed",
    RunState.CANCELLED: "task.cancelled",
}
_TIMES = frozenset({"LIMIT_TIME", "DEADLINE_PASSED"})
_LONGEST = 100_000
"""Characters of an output; the run has the whole."""


def tidings(run: Run, move: Move, wanted: Collection[str]) -> tuple[Outbox, ...]:
    """Return what goes out when a run ends so; nothing unless it is wanted."""
    kind = _kind(move)
    if kind not in wanted:
        return ()
    id_ = envelopes.name(run.id, move.attempt, kind)
    body = envelopes.write(_envelope(run, move, kind, id_))
    return (Outbox(id=f"event/{id_}", run=run.id, topic=TOPIC, body=body, at=move.at),)


def _kind(move: Move) -> str:
    if move.state is RunState.FAILED and move.error.partition(":")[0] in _TIMES:
        return "task.timeout"
    return _KINDS.get(move.state, "")


def _envelope(run: Run, move: Move, kind: str, id_: str) -> Envelope:
    hops = run.labels.get("event_hops", "0")
    return Envelope(
        event_id=id_,
        event_type=kind,
        timestamp=moment.write(move.at),
        source_agent_id=run.agent,
        source_service="folkmoot",
        trace_id=run.labels.get("trace_id") or trace_id(run.id),
        execution_id=run.id,
        parent_event_id=run.labels.get("event_id"),
        payload={
            "agent_name": run.agent,
            "execution_id": run.id,
            "status": move.state.value,
            "attempt": move.attempt,
            "output": move.output[:_LONGEST],
            "output_truncated": len(move.output) > _LONGEST,
            "error": move.error,
            "spend": msgspec.to_builtins(move.spend),
        },
        priority=run.priority,  # type: ignore[arg-type]
        hop_count=int(hops) if hops.isdecimal() else 0,
    )
