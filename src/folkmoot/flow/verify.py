"""Verify: recompute the chains from the stored bytes, and hold each ended run against its noted end."""

import msgspec

from folkmoot.core import entries as e
from folkmoot.core.entries import Entry, Head, broken
from folkmoot.core.errors import JournalBroken
from folkmoot.core.run import Run, RunState
from folkmoot.ports.desk import Broken, Verified
from folkmoot.ports.store import Query, Store

_PAGE = 1000


async def verify(store: Store, run: str = "") -> Verified:
    """Verify one run, or all of them, oldest last."""
    if run:
        one = await store.run(run)
        runs, entries, found = await _some(store, [one] if one else [])
        return Verified(runs=runs, entries=entries, broken=tuple(found))
    total_runs = total_entries = 0
    faults: list[Broken] = []
    query = Query(limit=_PAGE)
    while part := await store.runs(query):
        runs, entries, found = await _some(store, part)
        total_runs, total_entries = total_runs + runs, total_entries + entries
        faults += found
        query = msgspec.structs.replace(query, before=part[-1].id)
    return Verified(runs=total_runs, entries=total_entries, broken=tuple(faults))


async def _some(store: Store, runs: list[Run]) -> tuple[int, int, list[Broken]]:
    entries, faults = 0, []
    for run in runs:
        count, fault = await _as_it_is(store, run)
        entries += count
        if fault is not None:
            faults.append(fault)
    return len(runs), entries, faults


async def _as_it_is(store: Store, run: Run) -> tuple[int, Broken | None]:
    """Verify a run; anew when it has changed since it was listed: it went on, or was pruned."""
    while True:
        count, fault = await _one(store, run)
        now = run if fault is None else await store.run(run.id)
        if now is None:
            return 0, None
        if now == run:
            return count, fault
        run = now


async def _one(store: Store, run: Run) -> tuple[int, Broken | None]:
    """Walk one chain; memory is one page, however long the journal is."""
    head, noted, last = Head(), b"", None
    while part := await store.entries(run.id, head.seq, _PAGE):
        touched = broken(part, head)
        if touched is not None:
            return head.seq, Broken(run=run.id, seq=touched.seq, reason=_reason(touched, head))
        noted = next((entry.hash for entry in part if entry.seq == run.head), noted)
        last = part[-1]
        head = Head(last.seq, last.hash)
    if head.seq < run.head:
        reason = f"The journal ends at {head.seq}, but entry {run.head} was written."
        return head.seq, Broken(run=run.id, seq=run.head, reason=reason)
    if run.head and noted.hex() != run.head_hash:
        reason = "The entry does not have the hash that was noted when the run's state changed."
        return head.seq, Broken(run=run.id, seq=run.head, reason=reason)
    if run.state.final and head.seq > run.head:
        reason = f"Entries follow the end of the run at {run.head}."
        return head.seq, Broken(run=run.id, seq=run.head + 1, reason=reason)
    if run.state.final and last is not None and not _ends_so(run, last):
        reason = "The run's state, output or error is not the one that its journal ends with."
        return head.seq, Broken(run=run.id, seq=run.head, reason=reason)
    return head.seq, None


def _ends_so(run: Run, last: Entry) -> bool:
    """Whether a run's row says of its end what the last entry says."""
    try:
        body = last.read()
    except JournalBroken:
        return False
    match body:
        case e.Succeeded(output=output):
            return (run.state, run.output, run.error) == (RunState.SUCCEEDED, output, "")
        case e.Failed(code=code, message=message):
            return (run.state, run.error) == (RunState.FAILED, f"{code}: {message}")
        case e.Refused(code=code, message=message):
            return (run.state, run.error) == (RunState.REFUSED, f"{code}: {message}")
        case e.Cancelled(reason=reason):
            return (run.state, run.error) == (RunState.CANCELLED, f"CANCELLED: {reason}")
        case _:
            return False


def _reason(entry: Entry, head: Head) -> str:
    if entry.seq == head.seq + 1:
        return "Its content or its hash was changed, or the entry before it was."
    return "Its content, its number or its hash was changed, or an entry before it is missing."
