import asyncio
from functools import cache

import httpx
import pytest
from fastapi import FastAPI

from folkmoot.core.agent import Agent, ModelChoice, ToolUse
from folkmoot.core.task import Task
from folkmoot.gateways.http.api import create
from folkmoot.gateways.http.probe import Probe
from folkmoot.gateways.http.shared import Shared
from folkmoot.testing.desk import MemoryDesk


@pytest.fixture
def agent() -> Agent:
    model = ModelChoice(provider="scripted", name="m", api_key_env="KEY", settings={"x": "hidden"})
    return Agent(
        name="reader",
        instructions="Read.",
        model=model,
        tools=(ToolUse("files.read", {"token": "hidden"}),),
        grants=("files:read",),
    )


@pytest.fixture
def desk(agent) -> MemoryDesk:
    return MemoryDesk([agent])


@pytest.fixture
async def run(desk) -> str:
    return (await desk.submit(Task(agent="reader", input="Read."))).run.id


@cache
def _built(api_keys, loopback):
    return create(MemoryDesk(), api_keys=api_keys, loopback=loopback, metrics=lambda: b"")


def _app(desk, *, api_keys=(), loopback=True, metrics=lambda: b"# metrics\n"):
    """Return an API before this desk. Building one takes 15 ms: equal ones are built once."""
    app = _built(api_keys, loopback)
    app.state.shared = Shared(desk, metrics, Probe(desk), loopback, 60.0, asyncio.Event())
    return app


@pytest.fixture
def app(desk) -> FastAPI:
    return _app(desk)


@pytest.fixture
async def client(desk):
    """A client of an API that was made with the given options."""
    opened = []

    def make(base_url="http://localhost:8080", **options):
        app = _app(desk, **options)
        opened.append(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url))
        return opened[-1]

    yield make
    for one in opened:
        await one.aclose()


@pytest.fixture
def api(client) -> httpx.AsyncClient:
    return client()
