"""Changes that touch no run: blobs, letters, heartbeats, announcements. One row a name, the last word counts."""

from collections.abc import Iterable
from typing import Any

from folkmoot.core import changes as c
from folkmoot.stores.postgres.rows import quoted


class Post:
    """The rows of a batch's plain changes, in the order of their keys."""

    def __init__(self, changes: Iterable[c.Change]) -> None:
        """Sort them into their tables."""
        self.blobs: dict[str, bytes] = {}
        self._announced: dict[str, int] = {}
        self._letters: dict[str, tuple[Any, ...]] = {}
        self._sent: dict[str, tuple[Any, ...]] = {}
        self._beats: dict[str, tuple[Any, ...]] = {}
        for change in changes:
            self._add(change)

    def _add(self, change: c.Change) -> None:
        match change:
            case c.PutBlob(digest=digest, data=data):
                self.blobs[digest] = data
            case c.Outbox(id=id_, run=run, topic=topic, body=body, at=at):
                row = (quoted(id_), quoted(run), quoted(topic), body, at)
                self._letters.setdefault(row[0], row)
            case c.Sent():
                self._report(change)
            case c.Beat(worker=worker, ttl_ms=ttl, note=note):
                self._beats[quoted(worker)] = (quoted(worker), quoted(note), ttl)
            case c.Announced(runs=runs, at=at):
                self._announced.update((quoted(run), at) for run in runs)
            case _:
                raise AssertionError(f"{change!r} has no statement")

    def _report(self, change: c.Sent) -> None:
        """Add a report to those before it: what has arrived stays arrived."""
        name = quoted(change.id)
        _, tries, sent_at, error, next_at = self._sent.get(name, (name, 0, 0, "", None))
        if change.error:
            error, next_at = quoted(change.error), change.next_at or change.at
        else:
            error, sent_at = "", change.at
        self._sent[name] = (name, tries + 1, sent_at, error, next_at)

    @property
    def announced(self) -> list[tuple[Any, ...]]:
        """Rows of `announcement`."""
        return sorted(self._announced.items())

    @property
    def letters(self) -> list[tuple[Any, ...]]:
        """Rows of `letter`."""
        return [self._letters[name] for name in sorted(self._letters)]

    @property
    def sent(self) -> list[tuple[Any, ...]]:
        """Rows of `sending`."""
        return [self._sent[name] for name in sorted(self._sent)]

    @property
    def beats(self) -> list[tuple[Any, ...]]:
        """Rows of `heartbeat`."""
        return [self._beats[name] for name in sorted(self._beats)]
