"""Two workers, one store, one broker that forgets everything in the middle: every run ends, once."""

import asyncio
import shutil
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.entries import Succeeded
from folkmoot.core.run import RunState
from folkmoot.core.task import Task
from folkmoot.ports.model import Answer

pytestmark = [pytest.mark.server, pytest.mark.slow]

RUNS = 200
AGENT = Agent(
    name="echo", instructions="Say it.", model=ModelChoice(provider="scripted", name="echo")
)


async def forget(server, how):
    if how == "flush":
        async with Redis(port=server.port) as client:
            await client.flushall()
        return
    server.kill()
    shutil.rmtree(server.folder)
    server.folder.mkdir()
    await asyncio.sleep(0.3)
    await server.start()


@pytest.fixture
def app(tmp_path, server):
    calls = Counter()

    async def echo(request):
        calls[request.messages[-1].text] += 1
        await asyncio.sleep(0.02)
        return Answer(text="done")

    def app():
        settings = load(
            store=f"sqlite:///{tmp_path / 'folkmoot.db'}",
            broker=server.url,
            workspaces=tmp_path / "workspaces",
            agents=tmp_path / "agents",
            concurrency=4,
            poll_s=0.2,
            log_level="error",
        )
        made = App(settings, (AGENT,), env={})
        made.models.script("echo", echo)
        return made

    app.calls = calls
    return app


async def ended(desk):
    return (await desk.counts()).states.get(RunState.SUCCEEDED, 0)


@pytest.mark.parametrize(
    ("server", "how"),
    [("redis", "flush"), ("redis", "restart"), ("nats", "restart")],
    indirect=["server"],
)
async def test_every_run_ends_once_when_the_broker_forgets_everything(app, server, how):
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(app().opened())
        runs = [(await desk.submit(Task(agent="echo", input=str(n)))).run.id for n in range(RUNS)]
        workers = [app() for _ in range(2)]
        for worker in workers:
            await stack.enter_async_context(worker.running())
        async with asyncio.timeout(40):
            while await ended(desk) < RUNS // 4:  # noqa: ASYNC110 - the store is asked
                await asyncio.sleep(0.02)
            assert await ended(desk) < RUNS
            await forget(server, how)
            while await ended(desk) < RUNS:  # noqa: ASYNC110 - the store is asked
                await asyncio.sleep(0.05)
        for run in runs:
            journal = await desk.journal(run)
            assert sum(isinstance(entry.read(), Succeeded) for entry in journal) == 1
    assert set(app.calls.values()) == {1}
    assert len(app.calls) == RUNS
