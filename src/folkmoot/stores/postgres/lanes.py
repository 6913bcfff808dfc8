"""A batch's part in lanes: read without locks and believed, or read under locks.

The short way believes a lane that this process has read before, and counts an agent's runs at work anew
where a claim asks for them. `write_batch` compares the versions, and counts again under the lane's lock;
where less is at work than was believed the decision was only too careful, and the run's turn comes again.
"""

from itertools import repeat
from typing import Any

from folkmoot.core.changes import Record
from folkmoot.core.lane import KIND
from folkmoot.core.run import Run
from folkmoot.stores import queries
from folkmoot.stores.overlay import Overlay, Row
from folkmoot.stores.postgres.held import Held
from folkmoot.stores.postgres.named import Named
from folkmoot.stores.postgres.rows import plain, quoted


class Lanes:
    """The lanes that a batch asks."""

    def __init__(self, over: Overlay, held: Held) -> None:
        """Nothing is read."""
        self._over = over
        self._held = held
        self.agents: set[str] = set()
        self._limited: set[str] = set()
        self._versions: dict[str, int] = {}
        self._counted: dict[str, int] = {}

    def ask(self, named: Named) -> None:
        """Note whose lanes the batch asks, once the rows of its runs are known."""
        for claim in named.claims:
            self._note(self._over.rows.get(claim.run) or named.newborn.get(claim.run), claimed=True)
        for run in named.ended:
            self._note(self._over.rows.get(run), claimed=False)

    def _note(self, run: Row | Run | None, *, claimed: bool) -> None:
        if run is not None:
            self.agents.add(run.agent)
            if claimed and run.limit:
                self._limited.add(run.agent)

    async def load(self, db: Any, *, locked: bool) -> None:
        """Read the lanes; count the runs at work where a limit is claimed."""
        lanes, limited = self._held.lanes, self._limited
        unknown = {agent for agent in self.agents if locked or agent not in lanes} | limited
        if unknown:
            await self._read(db, sorted(unknown), limited)
        if not locked:
            self._over.documents.numbers = repeat(0)  # write_batch gives the versions
        for agent in self.agents:
            record = lanes[agent]
            self._versions[agent] = record.version if record else 0
            if record:
                self._over.documents.records[KIND, agent] = record

    async def _read(self, db: Any, agents: list[str], limited: set[str]) -> None:
        names = [quoted(agent) for agent in agents]
        asked = [agent in limited for agent in agents]
        for name, version, body, running in await db.fetch(
            queries.load("postgres")["lanes"], names, asked
        ):
            agent = plain(name)
            lane = None if version is None else Record(KIND, agent, version, 0, body)
            self._held.lanes[agent] = lane
            if running is not None:
                self._counted[agent] = self._over.lanes.running[agent] = running

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows of `lane_use`."""
        documents = self._over.documents
        written = {key for kind, key in documents.touched if kind == KIND}
        lines = []
        for agent, version in sorted(self._versions.items()):
            record = documents.records.get((KIND, agent)) if agent in written else None
            gone = agent in written and record is None
            body = record.body if record else None
            lines.append((quoted(agent), version, self._counted.get(agent), body, gone))
        return lines

    def forget(self) -> None:
        """Believe these no more: they were written, or they were not as believed."""
        for agent in self.agents:
            self._held.lanes.pop(agent, None)

    def keep(self) -> None:
        """Go on believing what was not written."""
        for kind, agent in self._over.documents.touched:
            if kind == KIND:
                self._held.lanes.pop(agent, None)
