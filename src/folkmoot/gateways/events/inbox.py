"""The inbox: what arrives for the agents' subscriptions is kept in the store, and only then acked."""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256

from folkmoot.core import envelope as envelopes
from folkmoot.core import letters
from folkmoot.core.changes import PutRecord
from folkmoot.core.errors import AgentUnknown, Invalid, Outdated, StoreFault
from folkmoot.core.letters import DEAD, EVENT, Letter
from folkmoot.gateways.events.parts import Outcome, Parts
from folkmoot.ports.exchange import Arrival

_AT_ONCE = 100
_AGAIN_S = 1.0
_SHOWN = 4000
"""Bytes that are kept of what could not be read."""


class Inbox:
    """Receives for every agent that has triggers."""

    def __init__(self, parts: Parts, then: Callable[[], Awaitable[object]]) -> None:
        """`then` is done after something was kept: it need not wait for its own round."""
        self._parts = parts
        self._then = then
        self._served: dict[str, tuple[str, ...]] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Subscribe, and begin to receive. Idempotent."""
        if self._task is None:
            await self.sync()
            self._task = asyncio.create_task(self._receive(), name="folkmoot-events")

    async def stop(self) -> None:
        """Receive no more; what was received and not kept comes again. Idempotent."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sync(self) -> None:
        """Serve the subscriptions of the agents as they are declared now."""
        wanted = self._wanted()
        for name in self._served.keys() - wanted.keys():
            await self._parts.exchange.leave(name)
        for name, patterns in wanted.items():
            if self._served.get(name) != patterns:
                await self._parts.exchange.subscribe(name, patterns)
        self._served = wanted

    def _wanted(self) -> dict[str, tuple[str, ...]]:
        found = {}
        for name in self._parts.catalog.names():
            try:
                agent = self._parts.catalog.get(name)
            except AgentUnknown:  # taken away between the two reads
                continue
            if agent.triggers:
                found[name] = tuple(dict.fromkeys(one.event for one in agent.triggers))
        return found

    async def _receive(self) -> None:
        while not self._stopping:
            arrivals = await self._parts.exchange.receive(_AT_ONCE)
            if not arrivals:  # closed
                return
            kept = await asyncio.gather(*(self._take(arrival) for arrival in arrivals))
            if any(kept):
                try:
                    await self._then()
                except Exception as fault:  # noqa: BLE001 - the events are kept: the next round finds them
                    self._parts.report("reactions_failed", "", fault)

    async def _take(self, arrival: Arrival) -> bool:
        """Keep an arrival, however long it takes; return whether it is new."""
        while True:
            try:
                return await self._keep(arrival)
            except StoreFault as fault:
                self._parts.report("event_not_kept", "", fault)
            except Exception as fault:  # noqa: BLE001 - a defect must not stop the others
                self._parts.report("inbox_broke", "", fault)
                await arrival.nack()
                return False
            await self._parts.clock.sleep(_AGAIN_S)

    async def _keep(self, arrival: Arrival) -> bool:
        now = self._parts.clock.now()
        try:
            event = envelopes.read(arrival.body)
        except Invalid as fault:
            await self._bury(arrival, fault.message, now)
            return False
        patterns = self._served.get(arrival.subscription, ())
        if not any(envelopes.fits(pattern, event, arrival.topic) for pattern in patterns):
            await self._done(arrival, Outcome.UNWANTED)
            return False
        letter = Letter(
            subscription=arrival.subscription,
            id=event.event_id,
            event=event,
            topic=arrival.topic,
            first_at=now,
        )
        new = await self._put(letter, now)
        await self._done(arrival, Outcome.RECEIVED if new else Outcome.REPEATED)
        return new

    async def _put(self, letter: Letter, now: int) -> bool:
        """Keep a letter; False when it is kept already, alive or dead."""
        if await self._parts.store.record(DEAD, letter.key) is not None:
            return False
        body = letters.write(letter)
        try:
            await self._parts.store.write(
                PutRecord(kind=EVENT, key=letter.key, body=body, due=now, version=0)
            )
        except Outdated:
            return False
        return True

    async def _bury(self, arrival: Arrival, error: str, now: int) -> None:
        """Keep what cannot be read as a dead letter of its own."""
        letter = Letter(
            subscription=arrival.subscription,
            id=f"unreadable-{sha256(arrival.body).hexdigest()[:16]}",
            topic=arrival.topic,
            raw=arrival.body[:_SHOWN].decode(errors="replace"),
            first_at=now,
            last_at=now,
            error=error,
        )
        await self._parts.store.write(
            PutRecord(kind=DEAD, key=letter.key, body=letters.write(letter))
        )
        self._parts.count(Outcome.DEAD)
        self._parts.report("event_unreadable", "", Invalid(f"{letter.key}: {error}"))
        await arrival.reject()

    async def _done(self, arrival: Arrival, outcome: Outcome) -> None:
        self._parts.count(outcome)
        await arrival.ack()
