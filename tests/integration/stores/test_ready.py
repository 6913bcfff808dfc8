"""A store that is away makes a process not ready, by name; and what it says of the fleet is asked for."""

import asyncio
import os
import signal
import socket
import sqlite3
import sys
from contextlib import asynccontextmanager, closing
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from folkmoot.app import App
from folkmoot.config import ROLES, load
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.errors import StoreFault
from folkmoot.core.task import Task
from folkmoot.ports.model import Answer
from folkmoot.testing.proxy import Proxy

ECHO = Agent(
    name="echo", instructions="Say it.", model=ModelChoice(provider="scripted", name="echo")
)


@pytest.fixture
def serving(tmp_path):
    @asynccontextmanager
    async def serving(store, roles=ROLES, **more):
        settings = load(
            store=store,
            agents=tmp_path / "agents",
            workspaces=tmp_path / "workspaces",
            port=0,
            log_level="error",
            **more,
        )
        app = App(settings, (ECHO,), env={})
        app.models.script("echo", more_slowly)
        async with app.running(roles) as desk:
            base = f"http://127.0.0.1:{app.http_port}"
            async with httpx.AsyncClient(base_url=base, timeout=20) as api:
                yield api, desk

    go = asyncio.Event()

    async def more_slowly(_):
        await go.wait()
        return Answer(text="done")

    serving.go = go
    return serving


async def ready_again(api):
    async with asyncio.timeout(15):
        while (await api.get("/ready")).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.server
@pytest.mark.parametrize("how", ["cut", "hold"])
async def test_a_postgresql_that_is_away_is_named(serving, database, how):
    parts = urlsplit(database)
    async with Proxy(parts.hostname, parts.port) as proxy:
        user, at, _ = parts.netloc.rpartition("@")
        url = urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{proxy.port}"))
        async with serving(url) as (api, _):
            assert (await api.get("/ready")).json()["failing"] == []
            if how == "cut":
                await proxy.cut()
            else:
                proxy.hold()
            answer = await api.get("/ready")
            assert answer.status_code == 503
            assert "store" in answer.json()["failing"]
            assert "probe" not in answer.json()["failing"]
            page = (await api.get("/metrics")).text
            assert "folkmoot_store_up 0.0" in page
            proxy.mend()
            proxy.go_on()
            await ready_again(api)
            assert "folkmoot_store_up 1.0" in (await api.get("/metrics")).text


async def test_a_sqlite_file_that_nobody_can_write_is_named(serving, tmp_path):
    file = tmp_path / "folkmoot.db"
    async with serving(f"sqlite:///{file}", heartbeat_s=60, poll_s=60, lease_s=300) as (api, _):
        assert (await api.get("/ready")).json()["failing"] == []
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = await api.get("/ready")
            assert answer.status_code == 503
            assert "store" in answer.json()["failing"]
            other.execute("ROLLBACK")
        await ready_again(api)


async def test_a_sqlite_file_that_was_taken_away_is_named(serving, tmp_path):
    file = tmp_path / "folkmoot.db"
    async with serving(f"sqlite:///{file}") as (api, desk):
        await desk.submit(Task(agent="echo", input="x"))
        file.rename(tmp_path / "elsewhere.db")
        answer = await api.get("/ready")
        assert answer.status_code == 503
        assert "store" in answer.json()["failing"]
        (tmp_path / "elsewhere.db").rename(file)
        serving.go.set()


async def test_a_place_without_a_store_is_refused_at_the_start(serving, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreFault, match="file"):
        async with serving(f"sqlite:///{tmp_path / 'file' / 'folkmoot.db'}"):
            pytest.fail("It started.")


async def test_at_capacity_it_is_not_ready_and_says_so(serving):
    async with serving("memory://", concurrency=1) as (api, desk):
        run = (await desk.submit(Task(agent="echo", input="x"))).run.id
        async with asyncio.timeout(10):
            while (await api.get("/ready")).status_code == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert (await api.get("/ready")).json()["failing"] == ["capacity"]
        assert (await api.get("/health/live")).status_code == 200
        serving.go.set()
        await desk.finished(run, 10)
        await ready_again(api)


async def test_the_fleet_shows_in_health_and_metrics(serving):
    async with serving("memory://") as (api, _):
        parts = {part["name"]: part for part in (await api.get("/health")).json()["parts"]}
        assert parts["leadership"]["detail"] == "this process leads (term 1)"
        assert parts["workers"]["detail"].startswith("1 alive")
        page = (await api.get("/metrics")).text
        for line in (
            'folkmoot_workers{state="alive"} 1.0',
            "folkmoot_leader 1.0",
            "folkmoot_led 1.0",
            'folkmoot_queue_depth{priority="high"} 0.0',
        ):
            assert line in page.splitlines()


@pytest.fixture
async def coordinator(tmp_path):
    """A real process that leads, on the store of this test."""
    env = {
        **os.environ,
        "FOLKMOOT_STORE": f"sqlite:///{tmp_path / 'folkmoot.db'}",
        "FOLKMOOT_LEASE_S": "1",
        "FOLKMOOT_HEARTBEAT_S": "0.25",
        "FOLKMOOT_LOG_LEVEL": "error",
    }
    program = f"{os.path.dirname(sys.executable)}/folkmoot"  # noqa: PTH120 - a link must stay one
    process = await asyncio.create_subprocess_exec(
        program, "coordinator", "--json", env=env, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    await process.stdout.readline()
    yield process
    process.send_signal(signal.SIGCONT)
    process.terminate()
    await process.wait()


@pytest.mark.slow
async def test_a_stopped_coordinator_is_missed_and_welcomed_back(serving, tmp_path, coordinator):
    store = f"sqlite:///{tmp_path / 'folkmoot.db'}"
    async with serving(store, roles={"api"}) as (api, _):

        async def leads(*, some):
            async with asyncio.timeout(15):
                while True:
                    answer = (await api.get("/health")).json()
                    if ("leadership" not in answer["failing"]) == some:
                        return answer
                    await asyncio.sleep(0.05)

        assert any(part["name"] == "leadership" for part in (await leads(some=True))["parts"])
        coordinator.send_signal(signal.SIGSTOP)
        missed = await leads(some=False)
        assert missed["ready"]
        detail = {part["name"]: part["detail"] for part in missed["parts"]}["leadership"]
        assert "nobody leads" in detail
        assert "folkmoot_led 0.0" in (await api.get("/metrics")).text
        coordinator.send_signal(signal.SIGCONT)
        await leads(some=True)


async def test_a_worker_without_the_api_can_be_watched(serving):
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port = found.getsockname()[1]
    async with (
        serving("memory://", roles={"worker"}, metrics_port=port) as (_, desk),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as watch,
    ):
        serving.go.set()
        run = (await desk.submit(Task(agent="echo", input="x"))).run.id
        await desk.finished(run, 10)
        assert (await watch.get("/ready")).json()["failing"] == []
        assert 'folkmoot_tasks_total{agent="echo"} 1.0' in (await watch.get("/metrics")).text
        assert (await watch.get("/v1/runs")).status_code == 404
