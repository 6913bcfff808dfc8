import asyncio
import json
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from folkmoot.config import load
from folkmoot.core import entries as e
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.errors import SettingsInvalid
from folkmoot.core.task import Task
from folkmoot.gateways.http.api import create
from folkmoot.gateways.http.server import HttpServer, make, make_health
from folkmoot.testing.desk import MemoryDesk

pytestmark = pytest.mark.slow


@pytest.fixture
def desk():
    model = ModelChoice(provider="scripted", name="m")
    return MemoryDesk([Agent(name="reader", instructions="Read.", model=model)])


def _app(desk):
    return create(desk, api_keys=(), loopback=True, metrics=lambda: b"")


@pytest.fixture
async def server(desk):
    server = HttpServer(_app(desk), "127.0.0.1", 0, grace_s=1)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        yield client


@pytest.fixture
async def run(desk):
    return (await desk.submit(Task(agent="reader", input="Read."))).run.id


async def test_a_free_port_is_taken_and_told(server, client):
    assert server.port != 0
    assert (await client.get("/health/live")).status_code == 200


async def test_starting_and_stopping_twice_is_starting_and_stopping_once(server, client):
    port = server.port
    await server.start()
    assert server.port == port
    await server.stop()
    await server.stop()
    with pytest.raises(httpx.ConnectError):
        await client.get("/health/live")


async def test_a_stopped_server_starts_again_on_its_port(server, client, desk, run):
    port = server.port
    await server.stop()
    await server.start()
    assert server.port == port
    asking = asyncio.create_task(client.get(f"/v1/runs/{run}/events"))
    await desk.followed()
    desk.write(run, e.Succeeded(output="Done."))
    assert "run.succeeded" in (await asking).text


async def test_a_taken_port_is_a_mistake_that_says_what_to_do(server, desk):
    with pytest.raises(SettingsInvalid) as fault:
        await HttpServer(_app(desk), "127.0.0.1", server.port).start()
    assert "FOLKMOOT_PORT" in str(fault.value)
    given = load(port=0, host="127.0.0.1")
    with pytest.raises(SettingsInvalid, match="FOLKMOOT_METRICS_PORT"):
        await make_health(desk, given, server.port, lambda: b"").start()


async def test_the_process_keeps_its_signal_handlers(desk):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    server = HttpServer(_app(desk), "127.0.0.1", 0)
    await server.start()
    during = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    await server.stop()
    assert during == before


async def test_ipv6_loopback_is_served(desk):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    server = HttpServer(_app(desk), "::1", 0)
    try:
        await server.start()
    except SettingsInvalid:
        pytest.skip("no IPv6 loopback here")
    async with httpx.AsyncClient(base_url=f"http://[::1]:{server.port}") as client:
        assert (await client.get("/v1/status")).status_code == 200
    await server.stop()


async def test_entries_arrive_while_the_run_goes_on(client, desk, run):
    async with client.stream("GET", f"/v1/runs/{run}/events") as answer:
        lines = answer.aiter_lines()
        await _line(lines, "event: run.created")
        desk.say(run, "Do")
        await _line(lines, "event: delta")
        desk.write(run, e.Succeeded(output="Done."))
        await _line(lines, "event: run.succeeded")
        assert json.loads((await anext(lines)).removeprefix("data: "))["seq"] == 2


async def _line(lines, wanted):
    async with asyncio.timeout(10):
        while await anext(lines) != wanted:
            pass


async def test_a_client_that_hangs_up_frees_its_follower(client, desk, run):
    async with client.stream("GET", f"/v1/runs/{run}/events") as answer:
        await _line(answer.aiter_lines(), "event: run.created")
        assert desk.following == 1
    async with asyncio.timeout(10):
        await desk.unfollowed()


async def test_stopping_ends_streams_at_once_and_the_client_goes_on_elsewhere(
    server, client, desk, run
):
    async with client.stream("GET", f"/v1/runs/{run}/events") as answer:
        lines = answer.aiter_lines()
        await _line(lines, "event: run.created")
        async with asyncio.timeout(5):
            stopping = asyncio.create_task(server.stop())
            assert [line async for line in lines][1:] == [""]  # the end, and not an error
            await stopping
    desk.write(run, e.Succeeded(output="Done."))
    await server.start()
    again = await client.get(f"/v1/runs/{run}/events", headers={"Last-Event-ID": "1"})
    assert "id: 2" in again.text
    assert "id: 1\n" not in again.text


async def test_stopping_lets_a_request_finish(server, client, desk, monkeypatch):
    began, go, real = asyncio.Event(), asyncio.Event(), desk.counts

    async def slow():
        began.set()
        await go.wait()
        return await real()

    monkeypatch.setattr(desk, "counts", slow)
    asking = asyncio.create_task(client.get("/v1/status"))
    await began.wait()
    stopping = asyncio.create_task(server.stop())
    await asyncio.sleep(0.15)
    go.set()
    assert (await asking).status_code == 200
    await stopping


async def test_a_request_that_never_ends_is_cut_after_the_grace_time(
    server, client, desk, monkeypatch
):
    began = asyncio.Event()

    async def never():
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(desk, "counts", never)
    asking = asyncio.create_task(client.get("/v1/status"))
    await began.wait()
    async with asyncio.timeout(5):
        await server.stop()
    with pytest.raises(httpx.HTTPError):
        (await asking).raise_for_status()


async def test_who_has_waited_for_steps_does_not_wait_as_long_again_for_requests(desk, monkeypatch):
    server, began = HttpServer(_app(desk), "127.0.0.1", 0, grace_s=60), asyncio.Event()
    await server.start()

    async def never():
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(desk, "counts", never)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        asking = asyncio.create_task(client.get("/v1/status"))
        await began.wait()
        server.hurry(0.0)
        async with asyncio.timeout(5):
            await server.stop()
        with pytest.raises(httpx.HTTPError):
            (await asking).raise_for_status()


async def test_answers_do_not_wait_for_acknowledgements(client):
    await client.get("/v1/status")
    began = asyncio.get_running_loop().time()
    for _ in range(20):
        await client.get("/v1/status")
    took = (asyncio.get_running_loop().time() - began) / 20
    assert took < 0.035, "Nagle's algorithm and delayed acknowledgements make this 40 ms"


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("folkmoot.gateways.http", "fastapi, uvicorn, starlette"),
        ("folkmoot.gateways.http.bodies", "fastapi, uvicorn, starlette"),
        ("folkmoot.telemetry.traces", "opentelemetry, structlog, prometheus_client"),
        ("folkmoot.telemetry.metrics", "opentelemetry, structlog"),
        ("folkmoot.telemetry.logs", "opentelemetry, prometheus_client"),
    ],
)
def test_what_is_not_used_is_not_imported(module, absent):
    code = f"import sys, {module}; print(sorted(set({absent.split(', ')!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_server_is_made_from_settings(desk):
    server = make(desk, load(host="127.0.0.1", port=0, api_keys=("k",)), lambda: b"")
    await server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        assert (await client.get("/v1/runs")).status_code == 401
        assert (await client.get("/v1/runs", headers={"X-API-Key": "k"})).status_code == 200
    await server.stop()


def test_settings_that_would_open_the_api_to_everybody_make_no_server(desk):
    with pytest.raises(SettingsInvalid):
        make(desk, load(host="0.0.0.0", port=0), lambda: b"")
