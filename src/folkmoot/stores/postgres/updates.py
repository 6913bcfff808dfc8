"""What a batch changes of runs, as rows."""

from collections.abc import Iterable
from typing import Any

from folkmoot.core.run import RunState
from folkmoot.stores.overlay import Row
from folkmoot.stores.postgres.rows import quoted, spend_text

Lines = list[tuple[Any, ...]]


def divide(changed: Iterable[Row]) -> tuple[Lines, Lines]:
    """Return the rows of `run_claim` and those of `run_change`."""
    claims: Lines = []
    changes: Lines = []
    for row in changed:
        if row.claim is not None and row.move is None and not row.signal_at:
            claims.append((quoted(row.id), row.fence, quoted(row.worker), row.claim.now))
        else:
            changes.append(_change(row))
    return claims, changes


def _change(row: Row) -> tuple[Any, ...]:
    """Return what a batch changed of a run, None for what stays."""
    move, claim = row.move, row.claim
    at = max(row.woken_at, move.at if move else 0, claim.now if claim else 0)
    stirred = bool(move or row.woken_at)
    wake_at: int | None = 0 if stirred else None
    waits_for = "" if stirred else None
    if move is not None and (move.fence, move.state) == (row.fence, row.state):
        # Nothing came after the move: neither a signal that woke the run nor a claim.
        wake_at, waits_for = move.wake_at or 0, quoted(move.waits_for)
    return (
        quoted(row.id),
        str(row.state),
        row.fence,
        quoted(row.worker),
        at or None,
        move.attempt if move else None,
        move.head if move else None,
        move.head_hash if move else None,
        spend_text(move.spend) if move else None,
        row.ready_at,
        wake_at,
        waits_for,
        quoted(move.output) if move else None,
        quoted(move.error) if move else None,
        row.signals,
        0 if stirred and row.state == RunState.QUEUED else None,
    )
