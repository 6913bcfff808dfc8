"""How runs, entries and signals look as rows.

PostgreSQL's TEXT cannot hold the character NUL. It is written as SUB and 0, and SUB itself as SUB and 1,
so that every text comes back as it was and stays readable for whoever looks at the tables.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

from folkmoot.core.changes import Outbox, Signal
from folkmoot.core.entries import Entry
from folkmoot.core.run import Run, RunState
from folkmoot.core.spend import Spend
from folkmoot.core.task import PRIORITIES
from folkmoot.stores.damage import UNREADABLE, damaged
from folkmoot.stores.written import Written

BLOB_FROM = 4096
"""Bodies of this many bytes and more are kept in blobs: rows stay short, scans stay fast."""

_SUB = "\x1a"
_RANK = {name: rank for rank, name in enumerate(PRIORITIES)}
_spend = msgspec.json.Decoder(Spend)
_labels = msgspec.json.Decoder(dict[str, str])
_json = msgspec.json.Encoder()
_STATES = {str(state): state for state in RunState}
_NO_SPEND = Spend()
_NO_SPEND_TEXT = _json.encode(_NO_SPEND).decode()


def quoted(text: str) -> str:
    """Return a text as a column holds it."""
    if "\0" in text or _SUB in text:
        return text.replace(_SUB, _SUB + "1").replace("\0", _SUB + "0")
    return text


def plain(text: str) -> str:
    """Return the text that a column holds."""
    return text.replace(_SUB + "0", "\0").replace(_SUB + "1", _SUB) if _SUB in text else text


def to_run(row: Any) -> Run:
    """Return the run that a row of `run_columns` writes. Raises StoreFault for what we never wrote."""
    try:
        return _run(row)
    except UNREADABLE as fault:
        raise damaged(plain(row[0]), fault) from None


def _run(row: Any) -> Run:
    (
        id_, agent, definition, state, rank, source, attempt, fence, worker, created_at, updated_at,
        ready_at, wake_at, deadline, waits_for, head, head_hash, spend, output, error, labels,
        tenant, limit, spacing, guarded, *_,
    ) = row  # fmt: skip
    return Run(
        id=plain(id_),
        agent=plain(agent),
        definition=definition,
        state=_STATES[state],
        priority=PRIORITIES[rank],
        source=plain(source),
        attempt=attempt,
        fence=fence,
        worker=plain(worker) if worker else "",
        created_at=created_at,
        updated_at=updated_at,
        ready_at=ready_at,
        wake_at=wake_at or None,
        deadline=deadline or None,
        waits_for=plain(waits_for) if waits_for else "",
        head=head,
        head_hash=head_hash,
        spend=_NO_SPEND if spend == _NO_SPEND_TEXT else _spend.decode(spend),
        output=plain(output) if output else "",
        error=plain(error) if error else "",
        labels={} if labels == "{}" else _labels.decode(labels),
        tenant=plain(tenant) if tenant else "",
        limit=limit,
        spacing=spacing,
        guarded=guarded,
    )


def from_run(run: Run, announced_at: int = 0) -> tuple[Any, ...]:
    """Return the row of a new run, with no signals."""
    return (
        quoted(run.id),
        quoted(run.agent),
        run.definition,
        str(run.state),
        _RANK[run.priority],
        quoted(run.source),
        run.attempt,
        run.fence,
        quoted(run.worker),
        run.created_at,
        run.updated_at,
        run.ready_at,
        run.wake_at or 0,
        run.deadline or 0,
        quoted(run.waits_for),
        run.head,
        run.head_hash,
        spend_text(run.spend),
        quoted(run.output),
        quoted(run.error),
        _json.encode(run.labels).decode(),
        0,
        announced_at,
        quoted(run.tenant),
        run.limit,
        run.spacing,
        run.guarded,
    )


def from_written(written: Written) -> tuple[Any, ...]:
    """Return the row of `run_change`."""
    spend = written.spend
    return (
        quoted(written.id),
        *written[1:3],
        quoted(written.worker),
        *written[4:8],
        None if spend is None else spend_text(spend),
        *written[9:11],
        _maybe(written.waits_for),
        _maybe(written.output),
        _maybe(written.error),
        *written[14:],
    )


def _maybe(text: str | None) -> str | None:
    return None if text is None else quoted(text)


def spend_text(spend: Spend) -> str:
    """Return a spend as the column holds it."""
    return _json.encode(spend).decode()


def from_entries(entries: Iterable[Entry]) -> tuple[list[tuple[Any, ...]], dict[str, bytes]]:
    """Return the rows of entries, and the long bodies among them by their digests."""
    lines: list[tuple[Any, ...]] = []
    blobs: dict[str, bytes] = {}
    for entry in entries:
        body: bytes | None = entry.body
        digest = None
        if len(entry.body) >= BLOB_FROM:
            digest = sha256(entry.body).hexdigest()
            blobs[digest], body = entry.body, None
        run = quoted(entry.run)
        lines.append((run, entry.seq, entry.at, entry.kind, body, digest, entry.hash))
    return lines, blobs


def to_entry(row: Any) -> Entry:
    """Return the entry that a row writes."""
    return Entry(plain(row[0]), *row[1:])


def to_signal(row: Any) -> Signal:
    """Return the signal that a row writes."""
    run, id_, kind, body, at = row
    return Signal(run=plain(run), id=plain(id_), kind=plain(kind), body=body, at=at)


def to_letter(row: Any) -> Outbox:
    """Return the outbox item that a row writes."""
    id_, run, topic, body, at = row
    return Outbox(id=plain(id_), run=plain(run), topic=plain(topic), body=body, at=at)
