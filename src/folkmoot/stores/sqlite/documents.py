"""Leases and records of a batch: read before it is decided, written after. They are rare, so plainly."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

import msgspec

from folkmoot.core import changes as c
from folkmoot.core.changes import Record
from folkmoot.core.run import Run
from folkmoot.stores import queries
from folkmoot.stores.documents import Documents, Held
from folkmoot.stores.overlay import Overlay, Row
from folkmoot.stores.sqlite.held import Held as Known

_OF_LEASES = (c.Acquire, c.Release, c.Under)
_OF_RECORDS = (c.PutRecord, c.DropRecord)


def speaks_of(change: c.Change) -> bool:
    """Whether a change is about a lease or a record."""
    return isinstance(change, (*_OF_LEASES, *_OF_RECORDS))


def load(db: sqlite3.Connection, documents: Documents, changes: Iterable[c.Change]) -> None:
    """Read what these changes speak of."""
    sql = queries.load("sqlite")
    spoken = list(changes)
    leases = sorted({change.name for change in spoken if isinstance(change, _OF_LEASES)})
    records = sorted({(x.kind, x.key) for x in spoken if isinstance(x, _OF_RECORDS)})
    if leases:
        (found,) = db.execute(sql["leases"], (_json(leases),)).fetchone()
        for name, holder, fence, live in msgspec.json.decode(found):
            documents.leases[name] = Held(holder, fence, live=bool(live))
    for name in records:
        row = db.execute(sql["record"], name).fetchone()
        if row is not None:
            documents.records[name] = Record(*row)


def load_lanes(db: sqlite3.Connection, held: Known, over: Overlay, newborn: Iterable[Run]) -> None:
    """Read the lanes of all agents that the batch touches, also by runs that it makes."""
    over.documents.numbers = _numbers(db)
    touched: list[Row | Run] = [*over.rows.values(), *newborn]
    agents = {run.agent for run in touched}
    limited = {run.agent for run in touched if run.limit}
    if unknown := [agent for agent in agents if agent not in held.lanes]:
        held.lanes.update(dict.fromkeys(unknown))
        for row in db.execute(queries.load("sqlite")["lanes"], (_json(unknown),)).fetchall():
            held.lanes[row[1]] = Record(*row)
    if uncounted := [agent for agent in limited if agent not in held.running]:
        held.running.update(dict.fromkeys(uncounted, 0))
        (found,) = db.execute(queries.load("sqlite")["running"], (_json(uncounted),)).fetchone()
        held.running.update(msgspec.json.decode(found))
    for agent in agents:
        if (lane := held.lanes[agent]) is not None:
            over.documents.records[lane.kind, lane.key] = lane
        if agent in held.running:
            over.lanes.running[agent] = held.running[agent]


def _numbers(db: sqlite3.Connection) -> Iterator[int]:
    """Give versions, from the last one that was given."""
    yield from count(db.execute(queries.load("sqlite")["version"]).fetchone()[0] + 1)


def write(db: sqlite3.Connection, documents: Documents) -> None:
    """Write what has changed."""
    sql = queries.load("sqlite")
    if documents.granted:
        found = [(name, documents.leases[name]) for name in sorted(documents.granted)]
        _many(db, "upsert_leases", [(n, x.holder, x.fence, x.ttl_ms) for n, x in found])
    if not documents.touched:
        return
    for name in documents.dropped:
        db.execute(sql["drop_record"], name)
    _many(db, "upsert_records", [msgspec.structs.astuple(x) for x in documents.put])
    if documents.number:
        db.execute(sql["set_version"], (documents.number,))


def _many(db: sqlite3.Connection, name: str, lines: list[tuple[Any, ...]]) -> None:
    for line in lines:
        db.execute(queries.many("sqlite", name, len(line), 1), line)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
