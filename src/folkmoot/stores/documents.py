"""What a batch does to leases and records, decided in memory like the rest (overlay.py).

Whoever uses this has loaded the leases and records that the batch speaks of, has locked them, and writes
back what is in `granted`, `put` and `dropped`. Whether a lease's time is over was judged by the store's
clock when it was loaded; a batch is short beside any lease.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from folkmoot.core import changes as c
from folkmoot.core.changes import Outcome, Record
from folkmoot.core.errors import LeaseLost, Outdated

Name = tuple[str, str]
_K = TypeVar("_K")
_V = TypeVar("_V")


class Held(msgspec.Struct, frozen=True):
    """A lease: its holder, its fence, whether its time is not over; how long it is granted anew."""

    holder: str = ""
    fence: int = 0
    live: bool = False
    ttl_ms: int = 0


class Documents:
    """Leases by name, records by kind and key. `numbers` are the versions to be given, `number` the last."""

    def __init__(self, undo: list[Callable[[], object]] | None = None) -> None:
        """`undo` collects what takes a change back."""
        self.leases: dict[str, Held] = {}
        self.records: dict[Name, Record] = {}
        self.number = 0
        self.numbers: Iterator[int] | None = None
        self.granted: set[str] = set()
        self.touched: set[Name] = set()
        self._undo: list[Callable[[], object]] = [] if undo is None else undo

    @property
    def put(self) -> list[Record]:
        """The records to be written, by their names."""
        return [self.records[name] for name in sorted(self.touched) if name in self.records]

    @property
    def dropped(self) -> list[Name]:
        """The names of records to be forgotten."""
        return sorted(name for name in self.touched if name not in self.records)

    def acquire(self, change: c.Acquire) -> Outcome:
        """Grant or renew a lease, unless somebody else holds it."""
        held = self.leases.get(change.name, Held())
        if held.live and held.holder != change.holder:
            return None
        fence = held.fence if held.live else held.fence + 1
        self._grant(change.name, Held(change.holder, fence, live=True, ttl_ms=change.ttl_ms))
        return fence

    def release(self, change: c.Release) -> Outcome:
        """End a lease that is still the caller's."""
        held = self.leases.get(change.name)
        if held is not None and (held.holder, held.fence) == (change.holder, change.fence):
            self._grant(change.name, Held("", held.fence))
        return None

    def under(self, change: c.Under) -> Outcome:
        """Refuse who acts under an old grant."""
        held = self.leases.get(change.name, Held())
        if held.fence != change.fence:
            raise LeaseLost(
                f"The lease {change.name!r} was granted anew since; this was to be done under an old grant.",
                kept="Nothing of this set was written.",
                todo="Nothing: whoever holds the lease now does it.",
                name=change.name,
            )
        return None

    def keep(self, change: c.PutRecord) -> Outcome:
        """Write a record, when it is as the caller believes."""
        name = change.kind, change.key
        self._as_believed(name, change.version)
        self.number = self.number + 1 if self.numbers is None else next(self.numbers)
        self._set(name, Record(change.kind, change.key, self.number, change.due, change.body))
        return self.number

    def drop(self, change: c.DropRecord) -> Outcome:
        """Forget a record, when it is as the caller believes."""
        name = change.kind, change.key
        self._as_believed(name, change.version)
        there = name in self.records
        if there:
            self._set(name, None)
        return there

    def _as_believed(self, name: Name, version: int | None) -> None:
        record = self.records.get(name)
        if version is None or version == (record.version if record else 0):
            return
        raise Outdated(
            f"The record {name[0]} {name[1]!r} has changed since it was read.",
            kept="The record as it is; nothing of this set was written.",
            kind=name[0],
            key=name[1],
            version=record.version if record else 0,
        )

    def _grant(self, name: str, lease: Held) -> None:
        before, marked = self.leases.get(name), name in self.granted

        def restore() -> None:
            _back(self.leases, name, before)
            if not marked:
                self.granted.discard(name)

        self._undo.append(restore)
        self.leases[name] = lease
        self.granted.add(name)

    def _set(self, name: Name, record: Record | None) -> None:
        before, marked = self.records.get(name), name in self.touched

        def restore() -> None:
            _back(self.records, name, before)
            if not marked:
                self.touched.discard(name)

        self._undo.append(restore)
        _back(self.records, name, record)
        self.touched.add(name)


def _back(table: dict[_K, _V], name: _K, value: _V | None) -> None:
    """Put a value back where it was; None is where there was none."""
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value
