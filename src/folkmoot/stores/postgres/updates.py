"""What a batch changes of runs, as rows."""

from collections.abc import Iterable
from typing import Any

from folkmoot.core.run import RunState
from folkmoot.stores.overlay import Row
from folkmoot.stores.postgres.rows import quoted, spend_text

Lines = list[tuple[Any, ...]]


def divide(touched: Iterable[Row]) -> tuple[Lines, Lines]:
    """Return the rows of `run_claim` and those of `run_change`."""
    claims: Lines = []
    changes: Lines = []
    for row in touched:
        if row.claim is not None and row.move is None and not row.signal_at:
            claims.append((quoted(row.id), row.fence, quoted(row.worker), row.claim.now))
        elif row.claim is not None or row.move is not None or row.signal_at:
            changes.append(_change(row))
    return claims, changes


def _change(row: Row) -> tuple[Any, ...]:
    """Return what a batch changed of a run, None for what stays."""
    move, claim = row.move, row.claim
    at = max(row.signal_at, move.at if move else 0, claim.now if claim else 0)
    # A run that is queued, or was and has been claimed since, waits for nothing any more.
    claimed = claim is not None and (move is None or move.fence < row.fence)
    woken = row.state == RunState.QUEUED or claimed
    wake_at = 0 if woken else ((move.wake_at or 0) if move else None)
    waits_for = "" if woken else (quoted(move.waits_for) if move else None)
    return (
        quoted(row.id),
        str(row.state),
        row.fence,
        quoted(row.worker),
        at,
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
        0 if woken else None,
    )
