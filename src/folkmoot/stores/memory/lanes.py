"""Lanes in memory: records of the kind `lane`, and runs at work, counted when they are asked for."""

import msgspec

from folkmoot.core import changes as c
from folkmoot.core import lane as ln
from folkmoot.core.changes import Record
from folkmoot.core.lane import OPEN, Lane
from folkmoot.core.run import Run, RunState
from folkmoot.stores.memory.tables import Kept, Tables


class Standing(msgspec.Struct):
    """A lane, and how many of its runs are at work."""

    lane: Lane
    running: int


def standing(tables: Tables, run: Run) -> Standing:
    """Return how the lane of a run stands."""
    at_work = tables.states[RunState.RUNNING].values()
    running = sum(1 for kept in at_work if kept.run.agent == run.agent) if run.limit else 0
    return Standing(_lane(tables, run.agent), running)


def put_off(tables: Tables, kept: Kept, now: int) -> bool:
    """Whether a run's lane holds it back; then it is delayed, and announced no more."""
    found = standing(tables, kept.run)
    wait = ln.held_back(found.lane, ln.terms(kept.run), found.running, now)
    if wait is None:
        _keep(tables, kept.run.agent, ln.begun(found.lane, ln.terms(kept.run), now))
        return False
    kept.announced_at = 0
    tables.change(kept, ready_at=wait)
    return True


def end(tables: Tables, run: Run, move: c.Move) -> None:
    """Take in how a run ended."""
    lane = _lane(tables, run.agent)
    _keep(tables, run.agent, ln.ended(lane, ln.terms(run), move.state, move.error, move.at))


def _lane(tables: Tables, agent: str) -> Lane:
    record = tables.records.get((ln.KIND, agent))
    return OPEN if record is None else ln.read(record.body)


def _keep(tables: Tables, agent: str, lane: Lane) -> None:
    if lane == _lane(tables, agent):
        return
    if lane == OPEN:
        del tables.records[ln.KIND, agent]
        return
    tables.version += 1
    record = Record(ln.KIND, agent, tables.version, 0, ln.write(lane))
    tables.records[ln.KIND, agent] = record
