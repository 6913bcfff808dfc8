"""The documented redis-cli commands against a real Redis, and what an outage of it does to runs: nothing."""

import asyncio
import json
import os
import shutil
import socket
import time
from contextlib import asynccontextmanager
from secrets import token_hex
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.errors import ModelRejected
from folkmoot.core.run import RunState
from folkmoot.core.task import Task
from folkmoot.ports.model import Answer
from folkmoot.testing.proxy import Proxy

pytestmark = pytest.mark.server

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
AGENT = Agent(
    name="echo",
    instructions="Say it.",
    model=ModelChoice(provider="scripted", name="echo", retries=0),
    grants=("web:read:*",),
)


def missing(reason):
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def server():
    parts = urlsplit(REDIS)
    try:
        socket.create_connection((parts.hostname, parts.port), 2).close()
    except OSError as fault:
        missing(f"No server at {parts.hostname}:{parts.port}: {fault}")
    return parts


@pytest.fixture
async def prefix(server):
    prefix = f"test-{token_hex(6)}:"
    yield prefix
    async with Redis.from_url(REDIS) as client:
        async for key in client.scan_iter(f"{prefix}*", count=1000):
            await client.delete(key)


@pytest.fixture
async def cli(server, prefix):
    """redis-cli: a documented command, with the test's prefix before its key."""
    if shutil.which("redis-cli") is None:
        missing("redis-cli is not installed.")

    async def ask(command, key):
        process = await asyncio.create_subprocess_exec(
            *("redis-cli", "-u", REDIS, "--json", command, f"{prefix}{key}"),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        return json.loads(out)

    return ask


@pytest.fixture
def running(tmp_path, prefix):
    @asynccontextmanager
    async def running(port=None, **more):
        port = port or urlsplit(REDIS).port
        db = urlsplit(REDIS).path
        settings = load(
            store="memory://",
            hotstate=f"redis://user:s3cret@127.0.0.1:{port}{db}?prefix={prefix}"
            if more.pop("login", False)
            else f"redis://127.0.0.1:{port}{db}?prefix={prefix}",
            agents=tmp_path / "agents",
            workspaces=tmp_path / "workspaces",
            **more,
        )
        app = App(settings, (AGENT,), env={})
        app.models.script("echo", say)
        async with app.running() as desk:
            yield desk

    return running


async def say(request):
    if request.messages[-1].text == "fail":
        raise ModelRejected("No.")
    return Answer(text="secret reply")


async def done(desk, text):
    run = (await desk.submit(Task(agent="echo", input=text))).run.id
    return await desk.finished(run, 20)


async def until(look):
    """Ask until there is an answer; the mirror writes four times a second."""
    async with asyncio.timeout(10):
        while not (found := await look()):  # noqa: ASYNC110 - another process's answer
            await asyncio.sleep(0.02)
        return found


async def test_the_documented_commands_show_a_run(running, cli):
    async with running() as desk:
        run = await done(desk, "hello")
        key = f"metrics:{run.id}"
        await until(lambda: ended(cli, key))
        numbers = await cli("HGETALL", key)
        state = json.loads(await until(lambda: cli("GET", "agent:echo:state")))
        packet = json.loads(await until(lambda: cli("GET", "agent:echo:packet")))
        progress = await cli("HGETALL", f"blackboard:{run.id}:progress")
        assert await cli("HGETALL", "agent:echo:errors") == {}
        assert await cli("HGETALL", f"blackboard:{run.id}:solutions") == {}
    assert (state["agent_id"], state["current_task"]) == ("echo", run.id)
    assert state["status"] == "COMPLETED"
    assert packet["objective"] == "hello"
    assert packet["allowed_actions"] == ["web:read:*"]
    assert json.loads(progress["echo"])["status"] == "COMPLETED"
    assert (numbers["model_calls"], numbers["status"]) == ("1", "COMPLETED")
    assert 0 < await cli("TTL", key) <= 3600
    assert 0 < await cli("TTL", "agent:echo:state") <= 86_400
    assert "secret reply" not in str((state, packet, progress, numbers))


async def test_errors_add_up_by_kind(running, cli):
    async with running() as desk:
        for _ in range(2):
            assert (await done(desk, "fail")).state is RunState.FAILED
    errors = await cli("HGETALL", "agent:echo:errors")
    assert errors["total"] == "2"
    assert sum(int(times) for code, times in errors.items() if code != "total") == 2


async def test_an_outage_slows_no_run_and_is_two_lines_in_the_log(running, cli, server):
    async with Proxy(server.hostname, server.port) as proxy:
        with capture_logs() as lines:
            async with running(proxy.port, log_level="error") as desk:
                await done(desk, "first")
                await until(lambda: cli("GET", "agent:echo:state"))
                await proxy.cut()
                began = time.monotonic()
                for n in range(20):
                    assert (await done(desk, f"t{n}")).state is RunState.SUCCEEDED
                took = time.monotonic() - began
                await until(lambda: told(lines, "hotstate_lost"))
                proxy.mend()
                await until(lambda: told(lines, "hotstate_back"))
                last = await done(desk, "last")
        assert took < 5.0
        assert (await cli("HGETALL", f"metrics:{last.id}"))["status"] == "COMPLETED"
        names = [line["event"] for line in lines if line["event"].startswith("hotstate")]
    assert names == ["hotstate_lost", "hotstate_back"]


async def test_silence_slows_no_run(running, cli, server):
    """A half-open connection: everything is swallowed, nobody is told."""
    async with (
        Proxy(server.hostname, server.port) as proxy,
        running(proxy.port, log_level="error") as desk,
    ):
        await done(desk, "first")
        await until(lambda: cli("GET", "agent:echo:state"))
        proxy.hold()
        with capture_logs() as lines:
            began = time.monotonic()
            await done(desk, "second")
            assert time.monotonic() - began < 2.0
            await until(lambda: told(lines, "hotstate_lost"))
            await proxy.cut()
            proxy.go_on()
            proxy.mend()
            await until(lambda: told(lines, "hotstate_back"))


async def test_a_server_that_refuses_us_is_an_outage_and_its_password_is_not_told(running):
    with capture_logs() as lines:
        async with running(login=True, log_level="error") as desk:
            assert (await done(desk, "hello")).state is RunState.SUCCEEDED
            await until(lambda: told(lines, "hotstate_lost"))
    assert "s3cret" not in str(lines)


async def ended(cli, key):
    return (await cli("HGETALL", key)).get("status") == "COMPLETED"


async def told(lines, event):
    return any(line["event"] == event for line in lines)
