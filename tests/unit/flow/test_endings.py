"""Who waits for a run is told here and now, and never sees less than the store."""

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from folkmoot.brokers.local import LocalBroker
from folkmoot.core.errors import ModelAuth
from folkmoot.core.run import RunState
from folkmoot.core.signals import Retry
from folkmoot.flow.intake import QUEUE
from folkmoot.ports.broker import Delivery
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import says, turns


class Elsewhere(LocalBroker):
    """Brings its own process nothing: others are always quicker."""

    async def take(self, queue: str, limit: int = 1) -> list[Delivery]:
        """Wait for ever."""
        del queue, limit
        return await asyncio.Future()


class Shared(Elsewhere):
    """Would bring it to other processes."""

    capabilities: ClassVar[frozenset[str]] = frozenset({"ordered", "shared"})


@pytest.fixture
async def other() -> AsyncIterator[Harness]:
    """Return another worker on the same store."""
    clock = FakeClock()
    store = MemoryStore(clock)
    async with Harness(
        agent(), replies=turns(says("Hi.")), store=store, clock=clock, worker="w2"
    ) as moot:
        yield moot


@pytest.mark.parametrize("broker", [Elsewhere, Shared])
async def test_a_run_that_another_worker_took_is_over_for_who_waits_here(other, broker):
    one = Harness(agent(), replies=turns(says("?")), store=other.store, clock=other.clock)
    one.broker = broker()
    async with one:
        run = await one.submit("Hello", key="not adopted")
        await other.broker.put(QUEUE, run.id)
        async with asyncio.timeout(5):
            assert (await one.settled(run.id)).output == "Hi."


async def test_what_others_may_take_is_not_waited_for_here_alone(other):
    one = Harness(agent(), replies=turns(says("?")), store=other.store, clock=other.clock)
    one.broker = Shared()
    async with one:
        run = await one.submit("Hello", key="not adopted")
        assert not one.parts.endings.is_open(run.id)


async def test_a_run_that_is_tried_again_has_not_ended():
    answers = [ModelAuth("No.")]

    def reply(_):
        if answers:
            raise answers.pop()
        return says("Hi.")

    async with Harness(agent(), replies=reply) as moot:
        await asyncio.sleep(0)
        run = await moot.submit("Hello")
        await moot.until(lambda: moot.parts.endings.is_open(run.id))
        await moot.until(lambda: any(type(body).__name__ == "Failed" for body in moot.entries))
        await moot.until(lambda: moot.dispatcher.active == 0)
        await moot.desk.tell(run.id, Retry("ann"))
        assert (await moot.settled(run.id)).state is RunState.SUCCEEDED
