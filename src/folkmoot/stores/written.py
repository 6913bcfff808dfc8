"""What a batch has changed of a run, as values: the engines only write it.

The rule about which of a move, a wake and a claim came last stands here and nowhere else.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from folkmoot.core.changes import Claim
from folkmoot.core.run import Run, RunState
from folkmoot.core.spend import Spend
from folkmoot.stores.overlay import Overlay, Row


class Written(NamedTuple):
    """The columns of a run that a batch may change, None for what stays; in the order of the statements."""

    id: str
    state: str
    fence: int
    worker: str
    at: int | None
    attempt: int | None
    head: int | None
    head_hash: str | None
    spend: Spend | None
    ready_at: int
    wake_at: int | None
    waits_for: str | None
    output: str | None
    error: str | None
    signals: int
    announced_at: int | None


class Taken(NamedTuple):
    """A run that was claimed, and nothing more; in the order of the statements."""

    id: str
    fence: int
    worker: str
    at: int


def divide(changed: Iterable[Row]) -> tuple[list[Taken], list[Written]]:
    """Return the runs that were claimed and no more, and what has changed of the others.

    Nothing is left to say of a run that was born in the batch and claimed: `born` says it.
    """
    claims: list[Taken] = []
    changes: list[Written] = []
    for row in changed:
        if (claim := _claimed(row)) is None:
            changes.append(written(row))
        elif row.was:
            claims.append(Taken(row.id, row.fence, row.worker, claim.now))
    return claims, changes


def born(over: Overlay) -> list[tuple[Run, int]]:
    """Return the new runs as they are to be written, each with the time at which it was announced."""
    found = []
    for change in over.created:
        run, row = change.run, over.rows[change.run.id]
        if (claim := _claimed(row)) is not None:
            run = msgspec.structs.replace(
                run, state=row.state, fence=row.fence, worker=row.worker, updated_at=claim.now
            )
        found.append((run, change.announced_at))
    return found


def _claimed(row: Row) -> Claim | None:
    """Return the claim of a run that was claimed, and nothing more came of it."""
    return row.claim if row.move is None and not row.signal_at else None


def written(row: Row) -> Written:
    """Return what a batch has changed of a run."""
    move, claim = row.move, row.claim
    at = max(row.woken_at, move.at if move else 0, claim.now if claim else 0)
    stirred = bool(move or row.woken_at)
    wake_at: int | None = 0 if stirred else None
    waits_for = "" if stirred else None
    if move is not None and (move.fence, move.state) == (row.fence, row.state):
        # Nothing came after the move: neither a signal that woke the run nor a claim.
        wake_at, waits_for = move.wake_at or 0, move.waits_for
    unannounced = (stirred or row.put_off) and row.state == RunState.QUEUED
    return Written(
        row.id,
        str(row.state),
        row.fence,
        row.worker,
        at or None,
        move.attempt if move else None,
        move.head if move else None,
        move.head_hash if move else None,
        move.spend if move else None,
        row.ready_at,
        wake_at,
        waits_for,
        move.output if move else None,
        move.error if move else None,
        row.signals,
        0 if unannounced else None,
    )
