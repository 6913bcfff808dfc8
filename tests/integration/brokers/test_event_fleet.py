"""Two processes' worth of machines on one store and one exchange: each event one run, whatever happens."""

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import parse_qs, urlsplit

import aio_pika
import pytest

from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core import envelope as envelopes
from folkmoot.core.agent import Agent, ModelChoice, Trigger
from folkmoot.core.envelope import Envelope
from folkmoot.core.run import RunState
from folkmoot.ports.model import Answer
from folkmoot.ports.store import Query

pytestmark = [pytest.mark.server, pytest.mark.slow]

EVENTS = 60


def agent(name, *patterns):
    return Agent(
        name=name,
        instructions="Say it.",
        model=ModelChoice(provider="scripted", name="echo"),
        triggers=tuple(Trigger(event=pattern) for pattern in patterns),
    )


AGENTS = (agent("one", "orders.*"), agent("two", "#", "orders.created"), agent("none", "bills.#"))


def event(n):
    return Envelope(
        event_id=f"e-{n}", event_type="orders.created", timestamp="2026-01-31T12:00:00Z"
    )


def make(tmp_path, url, agents=AGENTS, **given):
    settings = load(
        **given,
        store=f"sqlite:///{tmp_path / 'folkmoot.db'}",
        broker=url,
        workspaces=tmp_path / "workspaces",
        agents=(str(tmp_path / "agents"),),
        poll_s=0.2,
        log_level="error",
    )

    async def echo(_request):
        return Answer(text="done")

    made = App(settings, agents, env={})
    made.models.script("echo", echo)
    return made


async def settled(desk, wanted):
    async with asyncio.timeout(40):
        while True:
            found = await desk.runs(Query(limit=500))
            if len(found) >= wanted and all(run.state.final for run in found):
                return found
            await asyncio.sleep(0.05)


@pytest.fixture
async def events_url(any_url, swept):
    yield any_url
    await swept(any_url, ("one", "two", "none"))


async def test_each_event_is_one_run_for_each_agent_that_wants_it(events_url, tmp_path):
    """Emitted by both, twice each; and once more past the outbox, as another system may."""
    first, second = make(tmp_path, events_url), make(tmp_path, events_url)
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(first.running())
        there = await stack.enter_async_context(second.running())
        for n in range(EVENTS):
            await asyncio.gather(here.events.emit(event(n)), there.events.emit(event(n)))
        await asyncio.gather(*(second.exchange.emit(event(n)) for n in range(EVENTS)))
        runs = await settled(here, 2 * EVENTS)
        await asyncio.sleep(1)
        runs = await settled(here, 2 * EVENTS)
        assert len(runs) == 2 * EVENTS
        assert {run.state for run in runs} == {RunState.SUCCEEDED}
        made = {(run.agent, run.labels["event_id"]) for run in runs}
        assert made == {(name, f"e-{n}") for name in ("one", "two") for n in range(EVENTS)}
        assert (await here.counts()).outbox == 0


async def test_events_outlive_an_outage_of_the_exchange(server, tmp_path):
    """They wait in the outbox. What Redis had taken and lost is not asked for: it does not persist here."""
    system = make(tmp_path, server.url)
    async with system.running() as desk:
        for n in range(20):
            await desk.events.emit(event(n))
        await settled(desk, 1)
        server.kill()
        for n in range(20, 40):
            await desk.events.emit(event(n))
        await asyncio.sleep(0.5)
        await server.start()
        runs = await settled(desk, 2 * 20)
        made = {(run.agent, run.labels["event_id"]) for run in await waited(desk, runs)}
        assert {(name, f"e-{n}") for name in ("one", "two") for n in range(20, 40)} <= made
        assert len(made) == len(await desk.runs(Query(limit=500)))


async def waited(desk, runs):
    """Return the runs when the outbox is empty and nothing more comes."""
    async with asyncio.timeout(40):
        while (await desk.counts()).outbox:  # noqa: ASYNC110 - another process's, in principle
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    return await settled(desk, len(runs))


async def test_what_cannot_be_read_is_a_dead_letter_here_and_at_rabbitmq(
    rabbitmq_url, swept, tmp_path
):
    """And an event that cannot be dealt with leaves a copy there."""
    prefix = parse_qs(urlsplit(rabbitmq_url).query)["prefix"][0]
    poor = Agent(
        name="one",
        instructions="Say it.",
        model=ModelChoice(provider="scripted", name="echo"),
        triggers=(Trigger(event="orders.*", input="{{ payload.none }}"),),
    )
    system = make(tmp_path, rabbitmq_url, (poor,), event_tries=1)
    connection = await aio_pika.connect(rabbitmq_url)
    async with system.running() as desk, connection:
        channel = await connection.channel()
        theirs = await channel.get_exchange(f"{prefix}agent_events", ensure=False)
        await theirs.publish(aio_pika.Message(b"{"), "orders.created.normal")
        await desk.events.emit(event(1))
        async with asyncio.timeout(20):
            while len(dead := await desk.events.dead()) < 2:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.05)
        assert dead[0].id == "e-1"
        assert dead[1].raw == "{"
        queue = await channel.get_queue(f"dlq.{prefix}agent.one", ensure=False)
        found = []
        async with asyncio.timeout(20):
            while len(found) < 2:
                message = await queue.get(no_ack=True, fail=False)
                found += [message] if message else []
                await asyncio.sleep(0.02)
        assert {message.body for message in found} == {b"{", envelopes.write(event(1))}
        copy = next(message for message in found if message.body != b"{")
        assert copy.headers["retry_count"] == 1
    await swept(rabbitmq_url, ("one",))
