"""Lanes within a batch: whether a claim may begin, and what a run's end says of its agent.

Whoever uses this has loaded the lanes (records of the kind `lane`) of all agents whose runs the batch
touches, and how many of an agent's runs are at work where one of them has a limit.
"""

from collections.abc import Callable

from folkmoot.core import changes as c
from folkmoot.core import lane as ln
from folkmoot.core.lane import OPEN, Lane, Rider
from folkmoot.core.run import RunState
from folkmoot.stores.documents import Documents


class Lanes:
    """The lanes that a batch speaks of. `running` holds the agents whose runs at work were counted."""

    def __init__(self, documents: Documents, undo: list[Callable[[], object]]) -> None:
        """Lanes are kept among `documents`; `undo` collects what takes a change back."""
        self._documents = documents
        self._undo = undo
        self.running: dict[str, int] = {}

    def of(self, agent: str) -> Lane:
        """Return an agent's lane."""
        record = self._documents.records.get((ln.KIND, agent))
        return OPEN if record is None else ln.read(record.body)

    def hold_back(self, run: Rider, now: int) -> int | None:
        """Return None when a run may begin now (then it has begun), else lane.FULL or a time."""
        lane = self.of(run.agent)
        if not (run.limit or run.spacing or lane.breaker.trips):
            return None
        terms = ln.terms(run)
        wait = ln.held_back(lane, terms, self.running.get(run.agent, 0), now)
        if wait is None:
            self._keep(run.agent, lane, ln.begun(lane, terms, now))
        return wait

    def end(self, run: Rider, move: c.Move) -> None:
        """Take in how a run ended."""
        lane = self.of(run.agent)
        if lane is OPEN and move.state != RunState.FAILED:
            return
        after = ln.ended(lane, ln.terms(run), move.state, move.error, move.at)
        self._keep(run.agent, lane, after)

    def count(self, agent: str, was: str, now: str) -> None:
        """Keep count of the runs at work."""
        if agent in self.running and (was == RunState.RUNNING) != (now == RunState.RUNNING):
            before = self.running[agent]
            self._undo.append(lambda: self.running.__setitem__(agent, before))
            self.running[agent] = before + (1 if now == RunState.RUNNING else -1)

    def _keep(self, agent: str, before: Lane, after: Lane) -> None:
        if after == before:
            return
        if after == OPEN:
            self._documents.drop(c.DropRecord(kind=ln.KIND, key=agent))
        else:
            put = c.PutRecord(kind=ln.KIND, key=agent, body=ln.write(after))
            self._documents.keep(put)
