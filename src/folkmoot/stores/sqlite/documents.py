"""Leases and records of a batch: read before it is decided, written after. They are rare, so plainly."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from folkmoot.core import changes as c
from folkmoot.core.changes import Record
from folkmoot.stores import queries
from folkmoot.stores.documents import Documents, Held

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
    if records:
        documents.number = db.execute(sql["version"]).fetchone()[0]


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
    db.execute(sql["set_version"], (documents.number,))


def _many(db: sqlite3.Connection, name: str, lines: list[tuple[Any, ...]]) -> None:
    for line in lines:
        db.execute(queries.many("sqlite", name, len(line), 1), line)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
