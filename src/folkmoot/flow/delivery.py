"""Delivery: empties the outbox: replies go back through the gateway that asked, events to the exchange.

At least once: an item stays until its far side has taken it; its id (an event's own id) goes along as the
key, so that the far side can tell a repetition. One that fails is tried again after 1, 2, 4 … 60 seconds,
for ever: the item shows in the counts until somebody deals with it.
"""

import asyncio
from collections.abc import Sequence

from folkmoot.core import envelope as envelopes
from folkmoot.core.changes import Outbox, Sent
from folkmoot.core.errors import FolkmootError
from folkmoot.core.letters import TOPIC
from folkmoot.flow.parts import Parts

_FIRST_MS, _MOST_MS = 1_000, 60_000
_TOPIC_PARTS = 3


class Delivery:
    """Empties the outbox."""

    def __init__(self, parts: Parts) -> None:
        """Nothing is started."""
        self._parts = parts
        self._tries: dict[str, int] = {}

    async def once(self, limit: int = 200) -> int:
        """Send what is due, `limit` at a time while they arrive; return how many items did."""
        arrived = 0
        while True:
            items = await self._parts.store.outbox(self._parts.clock.now(), limit)
            sent = await self._part(items)
            arrived += sent
            if len(items) < limit or not sent:
                return arrived

    async def _part(self, items: Sequence[Outbox]) -> int:
        """Send these: events side by side, replies one after the other."""
        events = [item for item in items if item.topic == TOPIC]
        arrived = sum(await asyncio.gather(*(self._send(item) for item in events)))
        for item in items:
            if item.topic != TOPIC:
                arrived += await self._send(item)
        return arrived

    async def _send(self, item: Outbox) -> bool:
        fault = await (self._emit(item) if item.topic == TOPIC else self._reply(item))
        now = self._parts.clock.now()
        if not fault:
            self._tries.pop(item.id, None)
            await self._parts.store.write(Sent(id=item.id, at=now))
            return True
        tries = self._tries[item.id] = self._tries.get(item.id, 0) + 1
        wait = min(_FIRST_MS * 2 ** (tries - 1), _MOST_MS)
        await self._parts.store.write(Sent(id=item.id, at=now, error=fault, next_at=now + wait))
        return False

    async def _emit(self, item: Outbox) -> str:
        """Return "" when the exchange has confirmed the event, else what went wrong."""
        if self._parts.exchange is None:
            return "there is no exchange"
        try:
            await self._parts.exchange.emit(envelopes.read(item.body))
        except FolkmootError as fault:
            return f"{fault.code}: {fault.message}"
        return ""

    async def _reply(self, item: Outbox) -> str:
        """Return "" when the gateway took the item, else what went wrong."""
        _, name, address = item.topic.split(":", _TOPIC_PARTS - 1)
        gateway = self._parts.gateways.get(name)
        if gateway is None:
            return f"there is no gateway {name!r}"
        try:
            await gateway.deliver(address, item.body.decode(), item.id)
        except Exception as fault:  # noqa: BLE001 - the far side may fail in any way; we try again
            return f"{type(fault).__name__}: {fault}"
        return ""
