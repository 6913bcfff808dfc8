"""Leases and records of a batch. Who speaks of one locks its name first, within the batch's transaction.

Versions are drawn from a sequence before the batch is decided: one that is not used is lost, which is fine.
"""

from collections.abc import Sequence
from typing import Any

from folkmoot.core import changes as c
from folkmoot.core.changes import Record
from folkmoot.core.lane import KIND
from folkmoot.stores import queries
from folkmoot.stores.documents import Documents, Held
from folkmoot.stores.postgres.named import OF_LEASES, OF_RECORDS
from folkmoot.stores.postgres.rows import plain, quoted


async def load(
    db: Any, documents: Documents, changes: Sequence[Any], lanes: Sequence[str], versions: int
) -> None:
    """Lock and read what these changes speak of, and lock lanes; draw so many versions more."""
    sql = queries.load("postgres")
    leases = sorted({quoted(x.name) for x in changes if type(x) in OF_LEASES})
    names = {(quoted(x.kind), quoted(x.key)) for x in changes if type(x) in OF_RECORDS}
    records = sorted(names)
    spoken = names | {(KIND, quoted(agent)) for agent in lanes}
    locks = [f"lease/{name}" for name in leases]
    locks += [f"record/{kind}/{key}" for kind, key in spoken]
    await db.fetchval(sql["lock_names"], sorted(locks))
    if leases:
        for name, holder, fence, live in await db.fetch(sql["leases"], leases):
            documents.leases[plain(name)] = Held(plain(holder), fence, live=live)
    if records:
        for row in await db.fetch(sql["named_records"], *zip(*records, strict=True)):
            found = to_record(row)
            documents.records[found.kind, found.key] = found
    wanted = versions + sum(type(x) is c.PutRecord for x in changes)
    documents.numbers = iter([row[0] for row in await db.fetch(sql["versions"], wanted)])


async def write(db: Any, documents: Documents) -> None:
    """Write what has changed."""
    sql = queries.load("postgres")
    if documents.granted:
        leases = [(name, documents.leases[name]) for name in sorted(documents.granted)]
        rows = [(quoted(name), quoted(x.holder), x.fence, x.ttl_ms) for name, x in leases]
        await db.execute(sql["upsert_leases"], *zip(*rows, strict=True))
    if dropped := documents.dropped:
        names = [(quoted(kind), quoted(key)) for kind, key in dropped]
        await db.execute(sql["drop_records"], *zip(*names, strict=True))
    if put := documents.put:
        lines = [(quoted(x.kind), quoted(x.key), x.version, x.due, x.body) for x in put]
        await db.execute(sql["upsert_records"], *zip(*lines, strict=True))


def to_record(row: Any) -> Record:
    """Return the record that a row writes."""
    kind, key, version, due, body = row
    return Record(plain(kind), plain(key), version, due, body)
