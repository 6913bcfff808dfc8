"""What each change does to the tables, once its set was judged. Nothing here can fail."""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from folkmoot.core import changes as c
from folkmoot.core.run import FINAL, RunState
from folkmoot.ports.store import GONE_MS
from folkmoot.stores.memory import judge, lanes
from folkmoot.stores.memory.tables import Heard, Parcel, Tables


def do(tables: Tables, change: c.Change, now: int) -> c.Outcome:
    """Do one change; `now` (ms) is the store's own clock."""
    if isinstance(change, c.Beat):
        tables.beats[change.worker] = Heard(now, now + change.ttl_ms, change.note)
        return None
    if isinstance(change, c.Rescue):
        return _rescue(tables, change, now)
    return _DEEDS[type(change)](tables, change)


def _create(tables: Tables, change: c.CreateRun) -> c.Outcome:
    run = change.run
    tables.add(run, change.entries, change.announced_at)
    if change.key:
        tables.inbox[run.source, change.key] = run.id, change.fingerprint
    return c.Born(run.id, new=True)


def _claim(tables: Tables, change: c.Claim) -> c.Outcome:
    kept = tables.states[RunState.QUEUED].get(change.run)
    if kept is None or kept.run.ready_at > change.now:
        return None
    if lanes.put_off(tables, kept, change.now):
        return None
    tables.change(
        kept,
        state=RunState.RUNNING,
        fence=kept.run.fence + 1,
        worker=change.worker,
        updated_at=change.now,
    )
    pending = tuple(kept.pending.values())
    return (
        c.Claimed(kept.run, tuple(kept.journal), len(kept.heard), pending) if change.read else True
    )


def _append(tables: Tables, change: c.Append) -> c.Outcome:
    kept = tables.runs[change.run]
    kept.journal.extend(change.entries)
    return len(kept.heard)


def _move(tables: Tables, change: c.Move) -> c.Outcome:
    kept = tables.runs[change.run]
    if change.state in FINAL:
        lanes.end(tables, kept.run, change)
    told = change.state == RunState.WAITING and len(kept.heard) > change.signals_seen
    tables.change(
        kept,
        state=change.state,
        updated_at=change.at,
        attempt=change.attempt,
        head=change.head,
        head_hash=change.head_hash,
        spend=change.spend,
        ready_at=change.ready_at,
        wake_at=change.wake_at,
        waits_for=change.waits_for,
        output=change.output,
        error=change.error,
        worker=kept.run.worker if change.state == RunState.RUNNING else "",
    )
    if told:
        tables.requeue(kept, change.at)
    elif change.state == RunState.QUEUED:
        tables.requeue(kept, change.at, ready_at=change.ready_at)
    return None


def _hold(tables: Tables, change: c.HoldSpend) -> c.Outcome:
    money = tables.money.get(change.scope, (0, 0))
    tables.money[change.scope] = judge.held(money, change.amount)
    return None


def _settle(tables: Tables, change: c.SettleSpend) -> c.Outcome:
    money = tables.money.get(change.scope, (0, 0))
    tables.money[change.scope] = judge.settled(money, change)
    return None


def _hasten(tables: Tables, change: c.Hasten) -> c.Outcome:
    kept = tables.states[RunState.QUEUED].get(change.run)
    if kept is not None and kept.run.ready_at == change.until:
        kept.announced_at = 0
        tables.change(kept, ready_at=0)
    return None


def _signal(tables: Tables, change: c.Signal) -> c.Outcome:
    kept = tables.runs[change.run]
    if change.id in kept.heard:
        return False
    kept.heard.add(change.id)
    kept.pending[change.id] = change
    if kept.run.state == RunState.WAITING or kept.run.state.final:
        tables.requeue(kept, change.at)
    return True


def _consume(tables: Tables, change: c.Consume) -> c.Outcome:
    pending = tables.runs[change.run].pending
    for id_ in change.ids:
        pending.pop(id_, None)
    return None


def _put_blob(tables: Tables, change: c.PutBlob) -> c.Outcome:
    tables.blobs.setdefault(change.digest, change.data)
    return None


def _post(tables: Tables, change: c.Outbox) -> c.Outcome:
    tables.outbox.setdefault(change.id, Parcel(change, change.at))
    return None


def _sent(tables: Tables, change: c.Sent) -> c.Outcome:
    parcel = tables.outbox.get(change.id)
    if parcel is None:
        return None
    if change.error:
        parcel.due = change.at if change.next_at is None else change.next_at
    else:
        parcel.sent = True
    return None


def _retire(tables: Tables, change: c.Retire) -> c.Outcome:
    tables.beats.pop(change.worker, None)
    held = tables.running(change.worker)
    for kept in held:
        tables.requeue(kept, change.at, fence=1)
    return tuple(kept.run.id for kept in held)


def _rescue(tables: Tables, change: c.Rescue, now: int) -> c.Outcome:
    # The dead are forgotten: no heartbeat means lost, and every process brings a new name.
    early = min(now, change.earliest)
    tables.beats = {
        worker: beat
        for worker, beat in tables.beats.items()
        if beat.until >= early - GONE_MS and beat.at <= change.latest
    }
    alive = {worker for worker, beat in tables.beats.items() if beat.until > early}
    lost = [kept for kept in tables.running() if kept.run.worker not in alive]
    for kept in lost:
        tables.requeue(kept, change.now, fence=1)
    waiting = list(tables.states[RunState.WAITING].values())
    woken = [x for x in waiting if x.run.wake_at is not None and x.run.wake_at <= change.now]
    for kept in woken:
        tables.requeue(kept, change.now)
    return tuple(kept.run.id for kept in lost + woken)


def _prune(tables: Tables, change: c.Prune) -> c.Outcome:
    unsent = {parcel.item.run for parcel in tables.outbox.values() if not parcel.sent}
    ids = tables.ids[: bisect_left(tables.ids, change.below)] if change.below else tables.ids
    gone = [
        run
        for run in (tables.runs[id_].run for id_ in ids)
        if run.state.final and run.updated_at < change.before and run.id not in unsent
    ][: change.limit]
    for run in gone:
        tables.remove(run)
    return tuple(run.id for run in gone)


def _announced(tables: Tables, change: c.Announced) -> c.Outcome:
    queued = tables.states[RunState.QUEUED]
    for run in change.runs:
        if run in queued:
            queued[run].announced_at = change.at
    return None


_DEEDS: dict[type, Callable[[Tables, Any], c.Outcome]] = {
    c.CreateRun: _create,
    c.Claim: _claim,
    c.Append: _append,
    c.Move: _move,
    c.HoldSpend: _hold,
    c.SettleSpend: _settle,
    c.Signal: _signal,
    c.Consume: _consume,
    c.Hasten: _hasten,
    c.PutBlob: _put_blob,
    c.Outbox: _post,
    c.Sent: _sent,
    c.Retire: _retire,
    c.Prune: _prune,
    c.Announced: _announced,
}
