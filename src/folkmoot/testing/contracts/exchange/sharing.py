"""Several processes: they share subscriptions, and these outlive them (capability `shared`)."""

import asyncio

from folkmoot.core import envelope as envelopes
from folkmoot.ports.exchange import Exchange
from folkmoot.testing.contracts.exchange.hands import SOON_S, event, gather, receive


class Sharing:
    """Two handles on one exchange."""

    async def test_what_one_emits_another_receives(
        self, exchange: Exchange, second: Exchange
    ) -> None:
        """Also one that waits already."""
        await second.subscribe("one", ["a"])
        waiting = asyncio.ensure_future(receive(second))
        sent = event("a")
        await exchange.emit(sent)
        (arrival,) = await waiting
        assert envelopes.read(arrival.body) == sent
        await arrival.ack()

    async def test_a_subscription_outlives_those_who_serve_it(
        self, exchange: Exchange, second: Exchange
    ) -> None:
        """What is emitted meanwhile waits."""
        await second.subscribe("one", ["a"])
        await second.close()
        sent = event("a")
        await exchange.emit(sent)
        await exchange.subscribe("one", ["a"])
        assert await gather(exchange, 1) == [("one", sent.event_id)]

    async def test_what_the_dead_held_comes_to_another(
        self, exchange: Exchange, second: Exchange
    ) -> None:
        """It was received and not acked."""
        await second.subscribe("one", ["a"])
        sent = event("a")
        await exchange.emit(sent)
        await receive(second)
        await second.close()
        await exchange.subscribe("one", ["a"])
        assert await gather(exchange, 1) == [("one", sent.event_id)]

    async def test_each_event_goes_to_one_of_them(
        self, exchange: Exchange, second: Exchange
    ) -> None:
        """Together they get all, and none of them twice."""
        for each in (exchange, second):
            await each.subscribe("one", ["a"])
        sent = [event("a") for _ in range(60)]
        await asyncio.gather(*(exchange.emit(each) for each in sent))
        seen: list[str] = []

        async def serve(here: Exchange) -> None:
            while len(seen) < len(sent):
                for arrival in await here.receive(5):
                    seen.append(envelopes.read(arrival.body).event_id)
                    await arrival.ack()

        serving = [asyncio.ensure_future(serve(each)) for each in (exchange, second)]
        async with asyncio.timeout(SOON_S):
            await asyncio.wait(serving, return_when=asyncio.FIRST_COMPLETED)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        assert sorted(seen) == sorted(each.event_id for each in sent)
