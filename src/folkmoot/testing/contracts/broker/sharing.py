"""Several processes: what one says another hears (capability `shared`)."""

import asyncio

from folkmoot.core.events import Event
from folkmoot.ports.broker import Broker
from folkmoot.testing.contracts.broker.hands import hear, needs, take, turn


class Sharing:
    """Two handles on one broker."""

    async def test_what_one_puts_another_takes(self, broker: Broker, second: Broker) -> None:
        """Also when the taker waits already."""
        taker = asyncio.ensure_future(take(second))
        await turn()
        await broker.put("q", "run_1", "low")
        assert [(x.run, x.priority) for x in await taker] == [("run_1", "low")]

    async def test_what_one_publishes_another_hears(self, broker: Broker, second: Broker) -> None:
        """From the moment when it listens."""
        async with second.listen("run.*.entry") as events:
            await broker.publish(Event("run.1.entry", b"1"))
            assert await hear(events, 1) == [Event("run.1.entry", b"1")]

    async def test_what_a_dead_taker_held_comes_back(self, broker: Broker, second: Broker) -> None:
        """Where the broker says that it can do that."""
        needs(broker, "redelivers")
        await broker.put("q", "run_1")
        (delivery,) = await take(second)
        await second.close()
        assert [x.run for x in await take(broker)] == [delivery.run]
