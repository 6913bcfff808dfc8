"""Migrations: numbered SQL files, forward only, each in its own transaction.

`PRAGMA user_version` says which number the file is at. A file from a newer version is refused.
"""

import sqlite3
from importlib import resources
from pathlib import Path

from folkmoot.core.errors import SchemaMismatch


def steps() -> list[tuple[int, str]]:
    """Return all migrations as (number, SQL), in order."""
    folder = resources.files("folkmoot.stores").joinpath("migrations/sqlite")
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return [(int(name.split("_")[0]), folder.joinpath(name).read_text("utf-8")) for name in files]


def upgrade(db: sqlite3.Connection, path: Path) -> None:
    """Bring a file up to date. Raises SchemaMismatch for a file that is newer than this code."""
    known = steps()
    newest = known[-1][0]
    at = _version(db)
    if at > newest:
        raise SchemaMismatch(
            f"{path} has schema {at}; this version of Folkmoot knows up to {newest}.",
            kept="The file was not touched.",
            todo="Use the newer version of Folkmoot that wrote it.",
        )
    for number, sql in known:
        if number > at:
            _step(db, number, sql)


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _step(db: sqlite3.Connection, number: int, sql: str) -> None:
    """Apply one migration, unless another process was quicker."""
    db.execute("BEGIN IMMEDIATE")
    try:
        if _version(db) < number:
            for statement in _statements(sql):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _statements(sql: str) -> list[str]:
    """Split a script; `executescript` would commit behind our back."""
    found, rest = [], ""
    for line in sql.splitlines():
        rest += line + "\n"
        if sqlite3.complete_statement(rest):
            found.append(rest)
            rest = ""
    return found
