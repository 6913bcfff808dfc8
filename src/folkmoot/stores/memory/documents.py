"""Leases and records in memory: judged on a copy of what a set speaks of, then done for good."""

from folkmoot.core import changes as c
from folkmoot.stores.documents import Documents, Held
from folkmoot.stores.memory.tables import Granted, Tables

KINDS = (c.Acquire, c.Release, c.Under, c.PutRecord, c.DropRecord)


def trial(tables: Tables, now: int) -> Documents:
    """Return what a set may change without harm."""
    copy = Documents()
    copy.leases = {
        name: Held(lease.holder, lease.fence, live=lease.left(now) > 0)
        for name, lease in tables.leases.items()
    }
    copy.records = dict(tables.records)
    copy.number = tables.version
    return copy


def apply(documents: Documents, change: c.Change) -> c.Outcome:
    """Do one change; raises what keeps its set out."""
    match change:
        case c.Acquire():
            return documents.acquire(change)
        case c.Release():
            return documents.release(change)
        case c.Under():
            return documents.under(change)
        case c.PutRecord():
            return documents.keep(change)
        case c.DropRecord():
            return documents.drop(change)
        case _:
            raise AssertionError(f"{change!r} is no change of a lease or a record")


def keep(tables: Tables, documents: Documents, now: int) -> None:
    """Make a trial the truth."""
    for name in documents.granted:
        lease = documents.leases[name]
        until = now + lease.ttl_ms if lease.ttl_ms else 0
        tables.leases[name] = Granted(lease.holder, lease.fence, now, until)
    tables.records = documents.records
    tables.version = documents.number
