"""The end: nothing hangs, nothing raises."""

import asyncio

from folkmoot.core.events import Event
from folkmoot.ports.broker import Broker
from folkmoot.testing.contracts.broker.hands import SOON_S, rest, take, turn


class Ending:
    """open, close."""

    async def test_closing_ends_takers_and_listeners(self, broker: Broker) -> None:
        """A taker returns an empty list, a listener's iteration ends: neither hangs nor raises."""
        async with (
            broker.listen("a") as one,
            broker.listen("b.*") as two,
            broker.listen("*.b") as three,
        ):
            taker = asyncio.ensure_future(broker.take("q"))
            ends = [asyncio.ensure_future(rest(events)) for events in (one, two, three)]
            await turn()
            async with asyncio.timeout(SOON_S):
                await broker.close()
                assert await taker == []
                assert await asyncio.gather(*ends) == [[], [], []]

    async def test_a_closed_broker_carries_nothing_and_raises_nothing(self, broker: Broker) -> None:
        """Nothing that matters is lost: the store knows what is ready."""
        await broker.put("q", "run_1")
        (delivery,) = await take(broker)
        await broker.close()
        await broker.close()
        async with asyncio.timeout(SOON_S):
            await broker.put("q", "run_2")
            await broker.publish(Event("a"))
            await delivery.nack()
            assert await broker.take("q") == []
            async with broker.listen("a") as events:
                assert await rest(events) == []

    async def test_opening_twice_does_no_harm(self, broker: Broker) -> None:
        """What is carried stays."""
        await broker.put("q", "run_1")
        await broker.open()
        assert [x.run for x in await take(broker)] == ["run_1"]
