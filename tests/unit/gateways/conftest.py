from collections.abc import Callable

import httpx
import pytest

from folkmoot.core.agent import Agent, ModelChoice, ToolUse
from folkmoot.core.task import Task
from folkmoot.gateways.http.api import create
from folkmoot.testing.desk import MemoryDesk

Client = Callable[..., httpx.AsyncClient]


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


@pytest.fixture
async def client(desk):
    """A client of an API that was made with the given options."""
    opened = []

    def make(base_url="http://localhost:8080", headers=None, **options):
        given = {"api_keys": (), "loopback": True, "metrics": lambda: b"# metrics\n"} | options
        app = create(given.pop("desk", desk), **given)
        transport = httpx.ASGITransport(app)
        opened.append(httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers))
        opened[-1].app = app
        return opened[-1]

    yield make
    for one in opened:
        await one.aclose()


@pytest.fixture
def api(client) -> httpx.AsyncClient:
    return client()
