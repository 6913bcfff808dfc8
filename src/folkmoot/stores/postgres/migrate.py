"""Migrations: numbered SQL files, forward only, each in its own transaction, in the schema `folkmoot`.

`upgrade` is called by a person (`folkmoot db upgrade`), never by a store that opens: several versions of
the code may run beside each other, and which of them may change the tables is not theirs to decide. Two
upgrades at once wait for each other (an advisory lock). `check` refuses a schema that is not ours.
"""

from importlib import resources
from typing import Any

import asyncpg

from folkmoot.core.errors import SchemaMismatch
from folkmoot.stores.postgres.address import SETTINGS, Address

_LOCK = 0x666F_6C6B_6D6F_6F74
_BEGIN = """
CREATE SCHEMA IF NOT EXISTS folkmoot;
CREATE TABLE IF NOT EXISTS folkmoot.schema_steps (
    number BIGINT PRIMARY KEY, done_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp());
"""
_AT = "SELECT coalesce(max(number), 0) FROM folkmoot.schema_steps"
_UPGRADE = "Type: folkmoot db upgrade"


def steps() -> list[tuple[int, str]]:
    """Return all migrations as (number, SQL), in order."""
    folder = resources.files("folkmoot.stores").joinpath("migrations/postgres")
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return [(int(name.split("_")[0]), folder.joinpath(name).read_text("utf-8")) for name in files]


async def upgrade(url: str) -> list[int]:
    """Bring a database up to date; return the numbers of the steps that were taken.

    An empty database gets its first schema. Raises SchemaMismatch for a schema that is newer than this
    code, SettingsInvalid for a URL that is none, StoreFault when the database does not answer.
    """
    db = await Address(url).connect(SETTINGS)
    try:
        # The session's own, until it ends: an upgrade that waits begins when the other is done with all steps.
        await db.execute("SELECT pg_advisory_lock($1)", _LOCK)
        taken = []
        for number, sql in steps():
            if await _step(db, number, sql):
                taken.append(number)
        await check(db)
        return taken
    finally:
        await db.close()


async def _step(db: Any, number: int, sql: str) -> bool:
    """Apply one migration, unless it was applied before."""
    async with db.transaction():
        await db.execute(_BEGIN)
        if await db.fetchval(_AT) >= number:
            return False
        await db.execute(sql)
        await db.execute("INSERT INTO folkmoot.schema_steps (number) VALUES ($1)", number)
    return True


async def check(db: Any) -> None:
    """Raise SchemaMismatch unless the schema is the one that this code knows."""
    newest = steps()[-1][0]
    try:
        at = await db.fetchval(_AT)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        at = 0
    if at == newest:
        return
    if at > newest:
        raise SchemaMismatch(
            f"The database has schema {at}; this version of Folkmoot knows up to {newest}.",
            kept="The database was not touched.",
            todo="Use the newer version of Folkmoot that upgraded it.",
        )
    state = f"has schema {at}, this version of Folkmoot needs {newest}" if at else "is empty"
    raise SchemaMismatch(
        f"The database {state}.", kept="The database was not touched.", todo=_UPGRADE
    )
