"""A database of its own for each measured program, and what the server spends on it.

The server is named by TEST_POSTGRES_URL (a database there, whose role may create others). Standard library
only, but for `database`: the rivals' programs use this file, too.
"""

import asyncio
import getpass
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from bench import ruler
from bench.noop import cpu

SERVER = os.environ.get(
    "TEST_POSTGRES_URL", f"postgresql://{getpass.getuser()}@127.0.0.1:5432/postgres"
)


class NoServer(Exception):
    """There is no PostgreSQL to measure on; the text says why."""


@contextmanager
def database() -> Iterator[str]:
    """Lend a new database by its URL; it is dropped afterwards. Raises NoServer."""
    name = f"folkmoot_bench_{secrets.token_hex(4)}"
    asyncio.run(_tell(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"))
    try:
        yield urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}"))
    finally:
        asyncio.run(_tell(f"DROP DATABASE {name} WITH (FORCE)"))


async def _tell(statement: str) -> None:
    import asyncpg  # noqa: PLC0415 - the rivals' venv has it not

    try:
        db = await asyncpg.connect(SERVER, timeout=5)
    except (OSError, asyncpg.PostgresError, TimeoutError) as fault:
        raise NoServer(f"{urlsplit(SERVER).hostname}: {fault}") from None
    try:
        await db.execute(statement)
    finally:
        await db.close()


def server_cpu_s(url: str) -> float:
    """Return the CPU seconds that the server's sessions on this database have taken up to now.

    0 when the server's processes are not to be seen here. What its writers in the background do is not
    counted, nor are sessions that have ended.
    """
    return cpu.of_name(f"postgres:{urlsplit(url).path.removeprefix('/')}")


def share(url: str, runs: int) -> dict[str, float]:
    """Return what the server took for each run, the warm-up's included; nothing when it is not seen."""
    taken = server_cpu_s(url)
    return {"server_ms_per_run": round(taken * 1000 / (runs + ruler.WARM_UP), 4)} if taken else {}
