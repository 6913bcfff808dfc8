"""Conversations on stores with a disk: two workers, many conversations, messages from everywhere."""

import asyncio

import pytest

from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core import entries as e
from folkmoot.core.agent import Agent, Continuous, ModelChoice
from folkmoot.core.entries import Entry
from folkmoot.core.signals import Cancel
from folkmoot.core.task import Task

TALKS, MESSAGES = 6, 8
COUNTS = [{"when": {}, "text": "{{ said }} after {{ turn }}"}]
AGENT = Agent(
    name="talker",
    instructions="Talk.",
    mode="continuous",
    model=ModelChoice(provider="scripted", name="m", options={"turns": COUNTS}),
    continuous=Continuous(idle_s=0.2, keep_messages=2),
)


def worker(tmp_path, url):
    given = load(
        store=url,
        agents=tmp_path / "none",
        workspaces=tmp_path,
        log_level="error",
        poll_s=0.05,
        heartbeat_s=0.2,
        lease_s=2.0,
    )
    return App(given, [AGENT], env={})


def message(talk, number):
    key = f"{talk}/{number}"
    return Task(agent="talker", input=key, source="test", key=key, conversation=f"c{talk}")


async def said_in(desk, talk):
    """Say the messages of one conversation, each one twice; return their answers."""
    said = []
    for number in range(MESSAGES):
        said.append(await desk[number % 2].submit(message(talk, number)))
        again = await desk[(number + 1) % 2].submit(message(talk, number))
        assert (again.new, again.message) == (False, said[-1].message)
    return [await desk[0].answer(one.run.id, one.message, 60.0) for one in said]


async def hold(tmp_path, url):
    async with worker(tmp_path, url).running() as one, worker(tmp_path, url).running() as two:
        talks = [said_in((one, two), talk) for talk in range(TALKS)]
        found = await asyncio.gather(*talks)
        for talk, answers in enumerate(found):
            assert [answer.error for answer in answers] == [""] * MESSAGES
            words = [answer.output.partition(" ")[0] for answer in answers]
            assert words == [f"{talk}/{number}" for number in range(MESSAGES)]
            story = await told(one, answers[0].run)
            assert [kind for kind, _ in story] == ["said", "answered"] * MESSAGES
            assert [m for kind, m in story if kind == "said"] == [a.message for a in answers]
        assert len({answers[0].run for answers in found}) == TALKS
        await rest_and_begin_anew(one, found[0][0].run)
        assert not (await one.verify()).broken


async def told(desk, run):
    """Return what was said and answered in a run, by the messages' ids, in order."""
    story = []
    for entry in await desk.journal(run):
        match entry.read():
            case e.MessageAdded(message=id_):
                story.append(("said", id_))
            case e.MessageAnswered(message=id_):
                story.append(("answered", id_))
    return story


async def rest_and_begin_anew(desk, run):
    """A conversation at rest is summed up once; one that was ended begins anew with a message."""
    async with asyncio.timeout(30):
        async for item in desk.follow(run):
            if isinstance(item, Entry) and item.kind == "run.woke":
                break
    await desk.tell(run, Cancel("ann"))
    async for _ in desk.follow(run):
        pass
    again = await desk.submit(message(0, MESSAGES))
    answer = await desk.answer(run, again.message, 30.0)
    assert (again.run.id, answer.output) == (run, f"0/{MESSAGES} after 0")


@pytest.mark.slow
async def test_conversations_on_sqlite(tmp_path) -> None:
    await hold(tmp_path, f"sqlite:///{tmp_path / 'folkmoot.db'}")


@pytest.mark.slow
async def test_conversations_on_postgres(tmp_path, database: str) -> None:
    await hold(tmp_path, database)
