"""What the exchange's tests do again and again: emit, receive, settle."""

import asyncio
from itertools import count
from typing import Any

from folkmoot.core import envelope as envelopes
from folkmoot.core.envelope import Envelope
from folkmoot.ports.exchange import Arrival, Exchange

SOON_S = 20.0
"""What must happen happens within this time even on a slow machine; nobody waits for it in vain."""
_numbers = count(1)


def event(kind: str = "orders.created", **fields: Any) -> Envelope:
    """Return an event of a type, with an id of its own."""
    first = {"event_id": f"e-{next(_numbers)}", "timestamp": "2026-01-31T12:00:00.000Z"}
    return Envelope(**{**first, "event_type": kind, **fields})


async def receive(exchange: Exchange, limit: int = 10) -> list[Arrival]:
    """Return at least one arrival."""
    async with asyncio.timeout(SOON_S):
        found = await exchange.receive(limit)
    assert 1 <= len(found) <= limit, f"asked for at most {limit}, got {len(found)}"
    return found


async def gather(exchange: Exchange, wanted: int) -> list[tuple[str, str]]:
    """Receive and ack until so many different ones came; return (subscription, id), sorted."""
    seen: set[tuple[str, str]] = set()
    while len(seen) < wanted:
        for arrival in await receive(exchange):
            seen.add((arrival.subscription, envelopes.read(arrival.body).event_id))
            await arrival.ack()
    return sorted(seen)


async def carry(exchange: Exchange, *events: Envelope, to: int = 1) -> list[tuple[str, str]]:
    """Emit, and receive until `to` different arrivals were acked: an exchange may wait for that."""
    emitting = asyncio.gather(*(exchange.emit(each) for each in events))
    found = await gather(exchange, to)
    async with asyncio.timeout(SOON_S):
        await emitting
    return found
