"""Real servers: skipped where there is none, a failure where CI=true."""

import asyncio
import os
import shutil
import socket
import subprocess
from contextlib import closing, suppress
from secrets import token_hex
from urllib.parse import parse_qs, urlsplit

import aio_pika
import asyncpg
import nats
import pytest
from redis.asyncio import Redis

from folkmoot.brokers.nats import broker as nats_broker
from folkmoot.brokers.postgres import broker as postgres_broker
from folkmoot.brokers.rabbitmq import broker as rabbitmq_broker
from folkmoot.brokers.redis import broker as redis_broker

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
NATS = os.environ.get("TEST_NATS_URL", "nats://127.0.0.1:4222")
RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/")
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgres://root@127.0.0.1:5432/test")


def needed(url: str) -> str:
    """Return a URL whose server answers; skip on a laptop, fail in CI."""
    parts = urlsplit(url)
    with suppress(OSError), closing(socket.create_connection((parts.hostname, parts.port), 2)):
        return url
    reason = f"No server at {parts.hostname}:{parts.port}."
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def prefix():
    """A name space of one test's own."""
    return f"test-{token_hex(6)}"


@pytest.fixture
async def redis_url(prefix):
    url = needed(REDIS)
    yield f"{url}?prefix={prefix}:"
    async with Redis.from_url(url) as client:
        async for key in client.scan_iter(f"{prefix}:*", count=1000):
            await client.delete(key)


@pytest.fixture
async def nats_url(prefix):
    url = needed(NATS)
    yield f"{url}?prefix={prefix}-"
    client = await nats.connect(url)
    with suppress(nats.js.errors.NotFoundError):
        await client.jetstream().delete_stream(f"{prefix}-FOLKMOOT_WORK")
    await client.close()


@pytest.fixture
async def rabbitmq_url(prefix):
    url = needed(RABBITMQ)
    yield f"{url}?prefix={prefix}."
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        for queue in ("", "q.", "queue.", "queue2.", "nobody."):
            for priority in ("critical", "high", "normal", "low"):
                name = f"{prefix}.work.queue.{queue}{priority}"
                await channel.queue_delete(name)
                await channel.queue_delete(f"dlq.{name}")
        for name in ("agent_events", "agent_hints", "agent_events_dlx"):
            await channel.exchange_delete(f"{prefix}.{name}")


@pytest.fixture
async def postgres_url(prefix):
    url = needed(POSTGRES)
    name = prefix.replace("-", "_")
    yield f"{url}?prefix={name}_"
    connection = await asyncpg.connect(url)
    await connection.execute(f'DROP TABLE IF EXISTS "{name}_folkmoot_announcements"')
    await connection.close()


MAKERS = {
    "redis": redis_broker,
    "nats": nats_broker,
    "amqp": rabbitmq_broker,
    "postgres": postgres_broker,
}


def connect(url, **options):
    """The broker of a URL, whatever it is."""
    return MAKERS[url.partition("://")[0]].connect(url, **options)


@pytest.fixture(params=["redis_url", "nats_url", "rabbitmq_url", "postgres_url"])
def any_url(request):
    """One URL after the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def make():
    return connect


@pytest.fixture
def exchange_of():
    """The exchange of a URL, whatever it is."""

    def make(url, **options):
        return MAKERS[url.partition("://")[0]].exchange(url, **options)

    return make


async def _sweep_rabbitmq(url, prefix, names):
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        for name in names:
            await channel.queue_delete(f"{prefix}agent.{name}")
            await channel.queue_delete(f"dlq.{prefix}agent.{name}")


async def _sweep_nats(url, prefix, _names):
    client = await nats.connect(url)
    with suppress(nats.js.errors.NotFoundError):
        await client.jetstream().delete_stream(f"{prefix}AGENT_EVENTS")
    await client.close()


async def _sweep_postgres(url, prefix, _names):
    connection = await asyncpg.connect(url)
    for name in ("events", "subscriptions"):
        await connection.execute(f'DROP TABLE IF EXISTS "{prefix}folkmoot_{name}"')
    await connection.close()


@pytest.fixture
def swept():
    """Takes away what events leave at a URL: of these subscriptions. Redis's prefix is swept anyway."""
    sweepers = {"nats": _sweep_nats, "amqp": _sweep_rabbitmq, "postgres": _sweep_postgres}

    async def sweep(url, names):
        plain, _, query = url.partition("?")
        sweeper = sweepers.get(url.partition("://")[0])
        if sweeper is not None:
            await sweeper(plain, parse_qs(query)["prefix"][0], names)

    return sweep


class Throwaway:
    """A server of a test's own, that can be killed and started again on its port."""

    def __init__(self, folder):
        self.folder = folder
        with closing(socket.create_server(("127.0.0.1", 0))) as found:
            self.port = found.getsockname()[1]
        self.process = None

    def command(self):
        raise NotImplementedError

    async def start(self):
        self.process = subprocess.Popen(  # noqa: ASYNC220 - a fork, then it runs beside us
            self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(500):
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", self.port), 1)):
                return
            await asyncio.sleep(0.01)
        pytest.fail(f"{self.command()[0]} did not start")

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class OwnRedis(Throwaway):
    def command(self):
        return [
            *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(self.folder), "--save", "", "--appendonly", "no"),
        ]

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"


class OwnNats(Throwaway):
    def command(self):
        return [
            *("nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd"),
            str(self.folder),
        ]

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"


OWN = {"redis": OwnRedis, "nats": OwnNats}


@pytest.fixture(params=["redis", "nats"])
async def server(request, tmp_path):
    """A throwaway server."""
    folder = tmp_path / "server"
    folder.mkdir()
    own = OWN[request.param](folder)
    if shutil.which(own.command()[0]) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{own.command()[0]} is not installed.")
        pytest.skip(f"{own.command()[0]} is not installed.")
    await own.start()
    yield own
    own.kill()
