"""Retention prunes by policy while the system serves: nothing that is new is touched, nobody waits long."""

import asyncio

import pytest

from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core import changes as c
from folkmoot.core import ids
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.entries import Created, Head, Succeeded, write
from folkmoot.core.run import Run, RunState
from folkmoot.core.task import Task
from folkmoot.ports.model import Answer
from folkmoot.ports.store import Query

ECHO = Agent(
    name="echo", instructions="Say it.", model=ModelChoice(provider="scripted", name="echo")
)
OLD, NEW = 1_200, 300
LONG_AGO = 1_700_000_000_000


def ended(number: int, at: int) -> tuple[c.Change, ...]:
    """Return the set that writes a run which ended long ago, with its journal."""
    name = ids.make("run", at, number.to_bytes(8, "big"))
    task = Task(agent="echo", input="Long ago.")
    first = write(Head(), name, at, Created(task=task, definition="d"))
    last = write(Head(first.seq, first.hash), name, at, Succeeded(output="Then."))
    given = {"created_at": at, "updated_at": at, "head": 1, "head_hash": first.hash.hex()}
    run = Run(id=name, agent="echo", definition="d", **given)
    moved = {"head": last.seq, "head_hash": last.hash.hex(), "spend": run.spend, "attempt": 1}
    return (
        c.CreateRun(run=run, entries=(first,)),
        c.Claim(run=name, worker="then", now=at, read=False),
        c.Append(run=name, fence=1, entries=(last,)),
        c.Move(run=name, fence=1, state=RunState.SUCCEEDED, at=at, output="Then.", **moved),
    )


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'folkmoot.db'}"
    return request.getfixturevalue("database")


@pytest.mark.server
async def test_old_runs_go_while_new_ones_are_made_and_ended(place, tmp_path):
    settings = load(
        store=place,
        agents=tmp_path / "agents",
        workspaces=tmp_path / "workspaces",
        keep_days=1,
        log_level="error",
    )
    app = App(settings, (ECHO,), env={})
    app.models.script("echo", lambda _: Answer(text="Now."))
    async with app.opened():
        writes = (app.store.write(*ended(n, LONG_AGO + n)) for n in range(OLD))
        await asyncio.gather(*writes)
    async with app.running(("worker", "coordinator")) as desk:
        made = []

        async def ask(number: int) -> None:
            born = await desk.submit(Task(agent="echo", input=str(number)))
            made.append(born.run.id)
            assert (await desk.finished(born.run.id)).output == "Now."

        async with asyncio.timeout(60):
            left = OLD
            while left:  # the load goes on for as long as there is something to prune
                await asyncio.gather(*(ask(n) for n in range(20)))
                left = len(await desk.runs(Query(before=ids.make("run", LONG_AGO + OLD, b""))))
            while len(made) < NEW:
                await asyncio.gather(*(ask(n) for n in range(20)))
        counts = (await desk.counts()).states
        assert counts == {"succeeded": len(made)}
        verified = await desk.verify()
        assert (verified.runs, verified.broken) == (len(made), ())
