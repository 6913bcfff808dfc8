"""A whole machine whose agents are started by events."""

import asyncio
from collections import Counter

import pytest

from folkmoot.core.agent import Trigger
from folkmoot.core.envelope import Envelope
from folkmoot.core.letters import EVENT
from folkmoot.flow.delivery import Delivery
from folkmoot.gateways.events import Inbox, Parts, Reactions
from folkmoot.ports.store import Query
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import says


def _envelope(kind="orders.created", id="e-1", **fields):  # noqa: A002 - what it is called
    return Envelope(event_id=id, event_type=kind, timestamp="2026-01-31T12:00:00Z", **fields)


def _wants(name, *patterns, **fields):
    return agent(name, triggers=tuple(Trigger(event=pattern, **fields) for pattern in patterns))


class Moot(Harness):
    """A harness with everything that events need; rounds are done by the test."""

    def __init__(self, *agents, **given):
        given = {"replies": lambda _: says("Done."), **given}
        super().__init__(*agents, **given)
        self.counted = Counter()

    async def __aenter__(self):
        await super().__aenter__()
        self.events = Parts(
            store=self.store,
            exchange=self.exchange,
            catalog=self.parts.catalog,
            clock=self.clock,
            submit=self.intake.submit,
            report=self.parts.report,
            count=lambda outcome: self.counted.update([str(outcome)]),
        )
        self.reactions = Reactions(self.events)
        self.inbox = Inbox(self.events, self.reactions.once)
        self.delivery = Delivery(self.parts)
        await self.inbox.start()
        return self

    async def __aexit__(self, *told):
        await self.inbox.stop()
        await super().__aexit__(*told)

    async def emit(self, *envelopes):
        """Publish, and let the outbox be emptied: by then all is kept."""
        for each in envelopes:
            await self.desk.events.emit(each)
        return await self.delivery.once()

    async def runs(self, **query):
        return await self.store.runs(Query(**query))

    async def settle(self, wanted):
        """Wait until so many runs have ended."""
        while True:
            found = await self.runs()
            if len(found) >= wanted and all(run.state.final for run in found):
                return sorted(found, key=lambda run: run.id)
            await asyncio.sleep(0)

    async def kept(self):
        return await self.store.records(EVENT)

    async def again(self, seconds):
        """Let time pass, and do a round."""
        self.clock.advance(seconds)
        return await self.reactions.once()


@pytest.fixture
def moot():
    return Moot


@pytest.fixture
def envelope():
    return _envelope


@pytest.fixture
def wants():
    return _wants
