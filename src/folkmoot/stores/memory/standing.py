"""How the fleet stands, as the tables have it."""

from folkmoot.core.run import Run, RunState
from folkmoot.ports.store import GONE_MS, STUCK, Line, Seen, Standing
from folkmoot.stores.memory.tables import Kept, Tables


def standing(tables: Tables, clock: int, now: int, quiet_before: int) -> Standing:
    """Return it; `clock` is the store's own, in ms."""
    return Standing(
        now=clock,
        workers=tuple(_seen(tables, clock)),
        lines=_lines([kept.run for kept in tables.states[RunState.QUEUED].values()], now),
        stuck=tuple(_stuck(tables, clock, quiet_before)),
    )


def _seen(tables: Tables, clock: int) -> list[Seen]:
    return [
        Seen(
            worker=worker,
            note=beat.note,
            beat_ms=clock - beat.at,
            left_ms=max(beat.until - clock, 0),
            runs=len(tables.running(worker)),
        )
        for worker, beat in sorted(tables.beats.items())
        if beat.until > clock - GONE_MS
    ]


def _lines(queued: list[Run], now: int) -> dict[str, Line]:
    lines: dict[str, Line] = {}
    for run in queued:
        if run.ready_at <= now:
            since = max(run.ready_at, run.updated_at)
            before = lines.get(run.priority)
            lines[run.priority] = (
                Line(runs=1, since=since)
                if before is None
                else Line(runs=before.runs + 1, since=min(before.since, since))
            )
    return lines


def _stuck(tables: Tables, clock: int, quiet_before: int) -> list[str]:
    alive = {worker for worker, beat in tables.beats.items() if beat.until > clock}
    quiet = [
        (_last(kept), kept.run.id)
        for kept in tables.running()
        if kept.run.worker in alive and _last(kept) < quiet_before
    ]
    return [run for _, run in sorted(quiet)[:STUCK]]


def _last(kept: Kept) -> int:
    return max(kept.run.updated_at, kept.journal[-1].at)
