"""What waits to be written: the newest word of each run and each agent, never a queue of words.

Between two writings a run's words become one, so a busy fleet costs no more writing than a calm one.
Bounds: new runs beyond `limit` between two writings are passed over and counted (`dropped`); runs that
were written before are let in always, so that nobody sees them at work for ever. Nothing here blocks.
"""

import msgspec

from folkmoot.core import entries as e
from folkmoot.core.entries import Body, Entry
from folkmoot.core.run import Run
from folkmoot.telemetry.hotstate.note import Note, apply

LIMIT = 100
_OPEN = 10_000
_AGENTS = 1_000
_CODES = 50
_FRESH = 2
"""Created is the first entry; whoever writes the second may be another process."""
OTHER = "other"


class About(msgspec.Struct):
    """An agent: the run that was last heard of, and errors since the last writing."""

    name: str
    note: Note | None = None
    errors: dict[str, int] = msgspec.field(default_factory=dict)

    def hear(self, note: Note) -> None:
        """Take a run's word; one that is at work says more than one that has ended."""
        before = self.note
        if before is None or not note.ended or before.ended or before is note:
            self.note = note

    def fail(self, code: str) -> None:
        """Count an error; kinds beyond a bound share a name."""
        if code not in self.errors and len(self.errors) >= _CODES:
            code = OTHER
        self.errors[code] = self.errors.get(code, 0) + 1


class Gathering:
    """Folds entries until somebody writes."""

    def __init__(self, limit: int = LIMIT) -> None:
        """Let in at most `limit` new runs between two writings."""
        self.dropped = 0
        self._limit = limit
        self._open: dict[str, Note] = {}
        self._runs: dict[str, Note] = {}
        self._agents: dict[str, About] = {}

    def __bool__(self) -> bool:
        """Whether there is something to write."""
        return bool(self._runs or self._agents)

    def see(self, run: Run, entry: Entry, body: Body) -> None:
        """Take an entry in."""
        note = self._open.get(run.id) or self._runs.get(run.id)
        if note is None:
            if len(self._runs) >= self._limit:
                self.dropped += 1
                return
            note = self._begin(run, entry)
        note.run = run
        self._runs[run.id] = note
        code = apply(note, entry, body)
        if type(body) is not e.Created:  # a run that is queued is not yet what its agent does
            self._about(note, code)

    def _begin(self, run: Run, entry: Entry) -> Note:
        note = self._open[run.id] = Note(run, entry.seq <= _FRESH)
        if len(self._open) > _OPEN:
            del self._open[next(iter(self._open))]
        return note

    def _about(self, note: Note, code: str) -> None:
        name = note.run.agent
        about = self._agents.get(name)
        if about is None:
            if len(self._agents) >= _AGENTS:
                self.dropped += 1
                return
            about = self._agents[name] = About(name)
        about.hear(note)
        if code:
            about.fail(code)

    def take(self) -> tuple[list[Note], list[About]]:
        """Give away what waits. Whoever takes it writes it, or gives it back."""
        runs, agents = list(self._runs.values()), list(self._agents.values())
        self._runs, self._agents = {}, {}
        for note in runs:
            if note.ended:
                self._open.pop(note.run.id, None)
        return runs, agents

    def back(self, runs: list[Note], agents: list[About]) -> None:
        """Take back what could not be written, unless there is newer. Its numbers are lost.

        Nobody knows whether they were added: too few is better than twice.
        """
        for note in runs:
            note.sums.clear()
            if note.ended and note.run.id not in self._open:
                self._runs.setdefault(note.run.id, note)
            elif not note.ended:
                self._runs.setdefault(note.run.id, self._open.get(note.run.id, note))
        for about in agents:
            about.errors.clear()
            self._agents.setdefault(about.name, about)
