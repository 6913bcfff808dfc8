"""How runs, entries and signals look as rows."""

from typing import Any

import msgspec

from folkmoot.core.changes import Signal
from folkmoot.core.entries import Entry
from folkmoot.core.run import Run, RunState
from folkmoot.core.spend import Spend
from folkmoot.core.task import PRIORITIES
from folkmoot.stores.damage import UNREADABLE, damaged
from folkmoot.stores.written import Written

BLOB_FROM = 4096
"""Bodies of this many bytes and more are kept in blobs: rows stay short, scans stay fast."""

_RANK = {name: rank for rank, name in enumerate(PRIORITIES)}
_spend = msgspec.json.Decoder(Spend)
_labels = msgspec.json.Decoder(dict[str, str])
_json = msgspec.json.Encoder()


def to_run(row: Any) -> Run:
    """Return the run that a row of `run_columns` writes. Raises StoreFault for what we never wrote."""
    try:
        return _run(row)
    except UNREADABLE as fault:
        raise damaged(row[0], fault) from None


def _run(row: Any) -> Run:
    return Run(
        id=row[0],
        agent=row[1],
        definition=row[2],
        state=RunState(row[3]),
        priority=PRIORITIES[row[4]],
        source=row[5],
        attempt=row[6],
        fence=row[7],
        worker=row[8],
        created_at=row[9],
        updated_at=row[10],
        ready_at=row[11],
        wake_at=row[12] or None,
        deadline=row[13] or None,
        waits_for=row[14],
        head=row[15],
        head_hash=row[16],
        spend=_spend.decode(row[17]),
        output=row[18],
        error=row[19],
        labels=_labels.decode(row[20]),
        tenant=row[21],
        limit=row[22],
        spacing=row[23],
        guarded=bool(row[24]),
    )


def from_run(run: Run, announced_at: int = 0) -> tuple[Any, ...]:
    """Return the row of a new run, with no signals."""
    return (
        run.id,
        run.agent,
        run.definition,
        str(run.state),
        _RANK[run.priority],
        run.source,
        run.attempt,
        run.fence,
        run.worker,
        run.created_at,
        run.updated_at,
        run.ready_at,
        run.wake_at or 0,
        run.deadline or 0,
        run.waits_for,
        run.head,
        run.head_hash,
        spend_text(run.spend),
        run.output,
        run.error,
        _json.encode(run.labels).decode(),
        0,
        announced_at,
        run.tenant,
        run.limit,
        run.spacing,
        run.guarded,
    )


def from_written(written: Written) -> tuple[Any, ...]:
    """Return the row of `update_runs`."""
    spend = written.spend
    return (*written[:8], None if spend is None else spend_text(spend), *written[9:])


def spend_text(spend: Spend) -> str:
    """Return a spend as the column holds it."""
    return _json.encode(spend).decode()


def to_entry(row: Any) -> Entry:
    """Return the entry that a row writes."""
    return Entry(*row)


def to_signal(row: Any) -> Signal:
    """Return the signal that a row writes."""
    run, id_, kind, body, at = row
    return Signal(run=run, id=id_, kind=kind, body=body, at=at)
