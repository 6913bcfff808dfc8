"""Fleets of real processes on throwaway servers: skipped where a server is missing, a failure with CI=true."""

import asyncio
import logging
import os

import pytest

from folkmoot.testing.fleet.fleet import Fleet
from folkmoot.testing.fleet.servers import Missing, Nats, Postgres, RabbitMQ, Redis

_log = logging.getLogger("faults")
SERVERS = {"postgres": Postgres, "redis": Redis, "nats": Nats, "rabbitmq": RabbitMQ}


def own(name):
    """A server of the caller's own, started."""
    try:
        return SERVERS[name]().start()
    except Missing as fault:
        if os.environ.get("CI") == "true":
            pytest.fail(str(fault))
        pytest.skip(str(fault))


@pytest.fixture
def postgres():
    server = own("postgres")
    yield server
    server.close()


@pytest.fixture
def redis():
    server = own("redis")
    yield server
    server.close()


@pytest.fixture
def broker(request):
    server = own(request.param)
    yield server
    server.close()


@pytest.fixture
def fleet(tmp_path):
    """Makes a fleet in a folder of its own; what it wrote there is shown when its test fails."""
    return lambda store, broker="local://", **settings: Fleet(
        tmp_path, store=store, broker=broker, **settings
    )


@pytest.fixture
def fault_s():
    """How long the random faults rage; FOLKMOOT_FAULT_SECONDS=120 for the full time."""
    return float(os.environ.get("FOLKMOOT_FAULT_SECONDS", "20"))


async def _judged(fleet, *loads, within_s=90):
    await fleet.until_done(within_s, *loads)
    await fleet.end()
    found = await fleet.judge(*loads)
    _log.info(
        "%d runs, %d entries; %d moved, %d calls again, %d in doubt; %d tasks sent again",
        *(found.runs, found.entries, found.moved, found.again, found.in_doubt),
        sum(load.again for load in loads),
    )
    assert not found.flaws, "\n".join(f"{x.kind} {x.run}: {x.text}" for x in found.flaws[:20])
    return found


@pytest.fixture
def judged():
    """Wait for all runs to end, end the fleet, hold its history against all rules."""
    return _judged


@pytest.fixture
def until():
    async def until(condition, within_s=30):
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - other processes are watched from outside
                await asyncio.sleep(0.05)

    return until
