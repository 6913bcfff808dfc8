"""Real servers: skipped where there is none, a failure where CI=true."""

import os
import socket
from contextlib import closing, suppress
from secrets import token_hex
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import nats
import pytest
from redis.asyncio import Redis

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
        for name in ("agent_events", "agent_events_dlx"):
            await channel.exchange_delete(f"{prefix}.{name}")


@pytest.fixture
async def postgres_url(prefix):
    url = needed(POSTGRES)
    name = prefix.replace("-", "_")
    yield f"{url}?prefix={name}_"
    connection = await asyncpg.connect(url)
    await connection.execute(f'DROP TABLE IF EXISTS "{name}_folkmoot_announcements"')
    await connection.close()
