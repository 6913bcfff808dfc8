"""The servers that noop uses: names of our own on them, and nothing of these left at the end.

Where they are: TEST_POSTGRES_URL, TEST_REDIS_URL, TEST_NATS_URL, TEST_RABBITMQ_URL, or else their standard
ports on this machine (`./scripts/services start`). Shared servers are not disturbed: PostgreSQL gets a
database for each measurement, Redis an empty numbered one, RabbitMQ and NATS names with a prefix.
"""

import asyncio
import getpass
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

import aio_pika
import asyncpg
import nats
from redis import Redis

from bench import child
from folkmoot.brokers.rabbitmq.names import Names
from folkmoot.stores.postgres.migrate import upgrade

POSTGRES = os.environ.get(
    "TEST_POSTGRES_URL", f"postgresql://{getpass.getuser()}@127.0.0.1:5432/postgres"
)
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
NATS = os.environ.get("TEST_NATS_URL", "nats://127.0.0.1:4222")
RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/")
_PROCESS = {"redis": "redis-server", "rabbitmq": "beam.smp", "nats": "nats-server"}
_REDIS_DBS = range(15, 0, -1)


class Place(NamedTuple):
    """Where one side measures: the broker, names of its own, the database, the processes to watch."""

    broker: str
    name: str
    store: str
    servers: str

    def variables(self) -> dict[str, str]:
        """Return what the side is told."""
        return {
            "NOOP_URL": self.broker,
            "NOOP_NAME": self.name,
            "NOOP_STORE": self.store,
            "NOOP_SERVERS": self.servers,
        }


@contextmanager
def place(kind: str, *, ours: bool) -> Iterator[Place]:
    """Lend a place at a broker of a kind. Raises child.Failed when a server does not answer."""
    name = f"bench{secrets.token_hex(4)}"
    try:
        with _lent(kind, name) as url, _database(name, wanted=ours or kind == "postgres") as store:
            yield _there(kind, name, url, store, ours=ours)
    except (OSError, asyncpg.PostgresError, nats.errors.Error) as fault:
        raise child.Failed(f"a server that noop needs does not answer: {fault}") from None


def _there(kind: str, name: str, url: str, store: str, *, ours: bool) -> Place:
    if kind == "postgres":
        broker = store.replace("postgresql://", "postgres://") if ours else store
        return Place(broker, name, store, f"broker=postgres:{name}")
    process = f"broker={_PROCESS[kind]}"
    if not ours:
        return Place(url, name, store, process)
    return Place(f"{url}?prefix={name}", name, store, f"{process},store=postgres:{name}")


@contextmanager
def _lent(kind: str, name: str) -> Iterator[str]:
    match kind:
        case "redis":
            with _redis() as url:
                yield url
        case "rabbitmq":
            yield RABBITMQ
            asyncio.run(_clean_rabbitmq(name))
        case "nats":
            yield NATS
            asyncio.run(_clean_nats(name))
        case _:
            yield ""


@contextmanager
def _database(name: str, *, wanted: bool) -> Iterator[str]:
    if not wanted:
        yield ""
        return
    url = f"{POSTGRES.rpartition('/')[0]}/{name}"
    asyncio.run(_tell_postgres(f'CREATE DATABASE "{name}"'))
    try:
        asyncio.run(upgrade(url))
        yield url
    finally:
        asyncio.run(_tell_postgres(f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _tell_postgres(statement: str) -> None:
    db = await asyncpg.connect(POSTGRES, timeout=5)
    try:
        await db.execute(statement)
    finally:
        await db.close()


@contextmanager
def _redis() -> Iterator[str]:
    """Lend a numbered database that is empty, and empty it again."""
    base = REDIS.rstrip("/").removesuffix("/9")
    for number in _REDIS_DBS:
        url = f"{base}/{number}"
        with Redis.from_url(url) as db:
            if db.dbsize() == 0:
                try:
                    yield url
                finally:
                    db.flushdb()
                return
    raise child.Failed(f"none of Redis's databases 1 to {_REDIS_DBS[0]} is empty")


async def _clean_rabbitmq(name: str) -> None:
    """Delete what the sides may have made: they all name it after us."""
    names = Names(name)
    lines = list(names.lines("runs").values())
    queues = [*lines, *(f"dlq.{line}" for line in lines)]
    queues += [f"{name}{end}" for end in ("", ".DQ", ".XQ", ".dead", ".delay")]
    async with await aio_pika.connect(RABBITMQ) as connection:
        for queue in queues:
            await _away(connection, "queue", queue)
        for exchange in (name, names.dead, names.events, names.hints):
            await _away(connection, "exchange", exchange)


async def _away(connection: aio_pika.abc.AbstractConnection, what: str, name: str) -> None:
    async with connection.channel() as channel:
        await (channel.queue_delete(name) if what == "queue" else channel.exchange_delete(name))


@asynccontextmanager
async def _nats() -> AsyncIterator[nats.js.JetStreamManager]:
    client = await nats.connect(NATS, connect_timeout=5, allow_reconnect=False)
    try:
        yield client.jsm()
    finally:
        await client.close()


async def _clean_nats(name: str) -> None:
    async with _nats() as streams:
        for stream in await streams.streams_info():
            if stream.config.name and stream.config.name.startswith(name):
                await streams.delete_stream(stream.config.name)
