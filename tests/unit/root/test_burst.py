"""More tasks at once than the broker's line takes: none of them waits for the relay's next look."""

import asyncio

from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.run import RunState
from folkmoot.core.task import Task
from folkmoot.ports.model import Answer

ECHO = Agent(
    name="echo", instructions="Say it.", model=ModelChoice(provider="scripted", name="echo")
)
MANY = 20


async def test_a_burst_does_not_wait_for_the_next_look(tmp_path):
    settings = load(
        store="memory://",
        agents=tmp_path / "agents",
        workspaces=tmp_path / "workspaces",
        window=5,
        concurrency=2,
        poll_s=600,
        log_level="error",
    )
    app = App(settings, (ECHO,), env={})
    app.models.script("echo", lambda _: Answer(text="Said."))
    async with app.running(("worker", "coordinator")) as desk, asyncio.timeout(60):
        asked = (desk.submit(Task(agent="echo", input=str(n), key=str(n))) for n in range(MANY))
        runs = [made.run.id for made in await asyncio.gather(*asked)]
        ended = await asyncio.gather(*map(desk.finished, runs))
    assert {run.state for run in ended} == {RunState.SUCCEEDED}
