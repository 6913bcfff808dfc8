"""Prune: old runs go, in a transaction of their own."""

import sqlite3
from collections import Counter
from itertools import chain

import msgspec

from folkmoot.core import changes as c
from folkmoot.stores import queries
from folkmoot.stores.listing import LAST

_THEIRS = ("prune_entries", "prune_signals", "prune_inbox", "prune_outbox", "prune_runs")


def prune(db: sqlite3.Connection, change: c.Prune) -> tuple[str, ...]:
    """Remove what is old enough, within a transaction; return the runs' ids."""
    sql = queries.load("sqlite")
    bounds = change.before, change.below or LAST, change.limit
    found = db.execute(sql["prunable"], bounds).fetchall()
    if not found:
        return ()
    names = _names([row[0] for row in found])
    blobs = _names([row[0] for row in db.execute(sql["their_blobs"], (names,)).fetchall()])
    for name in _THEIRS:
        db.execute(sql[name], (names,))
    db.execute(sql["prune_blobs"], (blobs,))
    states = sorted((state, -n) for state, n in Counter(row[1] for row in found).items())
    tally = queries.many("sqlite", "add_tallies", 2, len(states))
    db.execute(tally, tuple(chain.from_iterable(states)))
    return tuple(row[0] for row in found)


def _names(names: list[str]) -> str:
    return msgspec.json.encode(names).decode()
