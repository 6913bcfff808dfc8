"""What the broker's tests do again and again: take, hear, wait a little, give up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from folkmoot.core.events import Event
from folkmoot.ports.broker import Broker, Delivery

SOON_S = 10.0
"""What must happen happens within this time even on a slow machine; nobody waits for it in vain."""


def needs(broker: Broker, capability: str) -> None:
    """Skip a test about something that the broker does not claim to do."""
    if capability not in broker.capabilities:
        pytest.skip(f"The broker does not claim {capability!r}.")


async def turn() -> None:
    """Let everything that can run do so a few times."""
    for _ in range(5):
        await asyncio.sleep(0)


async def take(broker: Broker, limit: int = 1, queue: str = "q") -> list[Delivery]:
    """Take from a queue; return at least one delivery and at most `limit`."""
    async with asyncio.timeout(SOON_S):
        found = await broker.take(queue, limit)
    assert 1 <= len(found) <= limit, f"asked for at most {limit}, got {len(found)}"
    return found


async def gather(
    broker: Broker, count: int, *, at_once: int = 100, queue: str = "q"
) -> list[Delivery]:
    """Take and ack until there were so many."""
    taken: list[Delivery] = []
    while len(taken) < count:
        found = await take(broker, min(at_once, count - len(taken)), queue)
        for delivery in found:
            await delivery.ack()
        taken += found
    return taken


async def hear(events: AsyncIterator[Event], count: int) -> list[Event]:
    """Return the next events of a listener, so many."""
    async with asyncio.timeout(SOON_S):
        return [await anext(events) for _ in range(count)]


async def rest(events: AsyncIterator[Event]) -> list[Event]:
    """Return what a listener hears until its end."""
    async with asyncio.timeout(SOON_S):
        return [event async for event in events]


async def cancel(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
