"""What a question costs, in steps of SQLite's own machine: these can be counted, and no clock is asked.

A step is an instruction of a prepared statement. Each row that is looked at takes some, so that a question
that goes through the finished runs shows, however fast the machine is.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest
from bench.million import fill_sqlite

from folkmoot.core import changes as c
from folkmoot.core.entries import Created, Head, write
from folkmoot.core.run import Run, RunState
from folkmoot.core.task import Task
from folkmoot.ports.store import Query
from folkmoot.stores.sqlite.store import SqliteStore

NOW = 1_800_000_000_000
LIMITED = 7


def name(nr):
    return f"run_{NOW:012x}{nr:016x}"


def birth(nr, agent):
    entry = write(Head(), name(nr), NOW, Created(task=Task(agent=agent, input="x"), definition="d"))
    times = {"created_at": NOW, "updated_at": NOW}
    run = Run(id=name(nr), agent=agent, definition="d", head=1, limit=LIMITED, **times)
    return c.CreateRun(run=run, entries=(entry,))


@pytest.fixture
def holding(tmp_path):
    """A store that holds so many finished runs, and in each lane so many queued ones."""

    @asynccontextmanager
    async def holding(*, finished, lanes=4, each=3):
        file = tmp_path / f"{finished}-{lanes}-{each}.db"
        store = SqliteStore(file)
        await store.open()
        await store.close()
        if finished:
            await asyncio.to_thread(fill_sqlite, file, finished)
        store = SqliteStore(file)
        await store.open()
        for lane in range(lanes):
            births = (birth(lane * each + nr, f"agent{lane}") for nr in range(each))
            await asyncio.gather(*(store.write(one) for one in births))
        await store.counts()  # the first question of a connection reads the schema, too
        yield store
        await store.close()

    return holding


async def steps(store, asked):
    taken = 0

    def count():
        nonlocal taken
        taken += 1

    for db in (store._db, store._reader):
        db.set_progress_handler(count, 1)
    await asked(store)
    for db in (store._db, store._reader):
        db.set_progress_handler(None, 1)
    return taken


async def claim_anew(store):
    """The runs at work of an agent with a limit must be counted again."""
    store._held.forget()
    await store.write(c.Claim(run=name(1), worker="w", now=NOW))


QUESTIONS = {
    "ready": lambda store: store.ready(NOW, 100, NOW),
    "announced": lambda store: store.announced(1),
    "due": lambda store: store.due(),
    "counts": lambda store: store.counts(),
    "standing": lambda store: store.standing(NOW, NOW),
    "peek": lambda store: store.peek([name(1)], NOW),
    "the newest": lambda store: store.runs(Query(limit=5)),
    "the newest of an agent": lambda store: store.runs(Query(agent="agent1", limit=3)),
    "what is open": lambda store: store.runs(Query(states=(RunState.QUEUED, RunState.RUNNING))),
    "a claim": lambda store: store.write(c.Claim(run=name(1), worker="w", now=NOW)),
    "a claim, when another process has written": claim_anew,
    "a rescue": lambda store: store.write(c.Rescue(now=NOW)),
    "a leave": lambda store: store.write(c.Retire(worker="w", at=NOW)),
    "nothing to prune": lambda store: store.write(
        c.Prune(before=1, limit=5, below=f"run_{1:012x}")
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_ten_times_the_finished_runs_cost_not_one_step_more(holding, question):
    async with holding(finished=200) as few, holding(finished=2000) as many:
        assert await steps(few, QUESTIONS[question]) == await steps(many, QUESTIONS[question])


async def test_ten_times_the_lanes_cost_about_ten_times_the_steps_to_see_what_is_ready(holding):
    async with holding(finished=0, lanes=10) as few, holding(finished=0, lanes=100) as many:
        ask = QUESTIONS["ready"]
        assert await steps(many, ask) < 15 * await steps(few, ask)


async def test_a_queue_is_looked_through_without_its_rows(holding):
    async with holding(finished=0) as store:
        for question in ("announced", "due", "lines"):
            plan = store._reader.execute(
                f"EXPLAIN QUERY PLAN {store._sql[question]}", [1] * store._sql[question].count("?")
            ).fetchall()
            assert any("COVERING INDEX runs_queue" in row[3] for row in plan), question
