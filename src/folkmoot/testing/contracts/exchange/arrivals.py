"""Events: emitted, confirmed, received, settled."""

import asyncio

import pytest

from folkmoot.core import envelope as envelopes
from folkmoot.core.errors import BrokerFault
from folkmoot.ports.exchange import Exchange
from folkmoot.testing.contracts.exchange.hands import SOON_S, carry, event, gather, receive


class Arrivals:
    """emit, receive, ack, nack."""

    async def test_an_event_arrives_as_it_was_emitted(self, exchange: Exchange) -> None:
        """Every field of it, whatever its payload holds."""
        sent = event(
            "orders.eu.created",
            payload={
                "text": "ä\0\n\U0001f98a",
                "list": [1, 2.5, None, {"a": True}],
                "": "x" * 50_000,
            },
            priority="high",
            source_agent_id="reader",
            trace_id="t",
            ttl_seconds=10,
            retry_count=2,
            hop_count=3,
        )
        await exchange.subscribe("one", ["orders.#"])
        emitting = asyncio.ensure_future(exchange.emit(sent))
        (arrival,) = await receive(exchange)
        assert arrival.subscription == "one"
        assert envelopes.read(arrival.body) == sent
        await arrival.ack()
        await emitting

    async def test_what_was_nacked_comes_again(self, exchange: Exchange) -> None:
        """The first word counts; what was acked stays away."""
        await exchange.subscribe("one", ["a"])
        sent = event("a")
        emitting = asyncio.ensure_future(exchange.emit(sent))
        (arrival,) = await receive(exchange)
        await arrival.nack()
        await arrival.ack()
        assert await gather(exchange, 1) == [("one", sent.event_id)]
        await emitting
        other = event("a")
        assert await carry(exchange, other) == [("one", other.event_id)]

    async def test_many_events_arrive_each(self, exchange: Exchange) -> None:
        """None is lost among many."""
        await exchange.subscribe("one", ["many.*"])
        sent = [event(f"many.{n % 7}") for n in range(300)]
        found = await carry(exchange, *sent, to=300)
        assert found == sorted(("one", each.event_id) for each in sent)

    async def test_a_receiver_that_gives_up_loses_nothing(self, exchange: Exchange) -> None:
        """Not even what came in the same moment."""
        await exchange.subscribe("one", ["a"])
        waiting = asyncio.ensure_future(exchange.receive(10))
        await asyncio.sleep(0)
        sent = event("a")
        emitting = asyncio.ensure_future(exchange.emit(sent))
        await asyncio.sleep(0)
        waiting.cancel()
        (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
        if isinstance(outcome, list):
            await outcome[0].nack()
        assert await gather(exchange, 1) == [("one", sent.event_id)]
        await emitting

    async def test_an_event_that_nobody_wants_is_emitted(self, exchange: Exchange) -> None:
        """It just goes nowhere."""
        await exchange.subscribe("one", ["a"])
        async with asyncio.timeout(SOON_S):
            await exchange.emit(event("b"))

    async def test_what_is_rejected_does_not_come_again(self, exchange: Exchange) -> None:
        """What comes next is something else."""
        await exchange.subscribe("one", ["a"])
        emitting = asyncio.ensure_future(exchange.emit(event("a")))
        (arrival,) = await receive(exchange)
        await arrival.reject()
        await emitting
        other = event("a")
        assert await carry(exchange, other) == [("one", other.event_id)]

    async def test_a_closed_exchange_ends_receivers_and_refuses_events(
        self, exchange: Exchange
    ) -> None:
        """Nothing hangs; what could not be confirmed is said to be so."""
        await exchange.subscribe("one", ["a"])
        waiting = asyncio.ensure_future(exchange.receive(10))
        await asyncio.sleep(0)
        async with asyncio.timeout(SOON_S):
            await exchange.close()
            await exchange.close()
            assert await waiting == []
            assert await exchange.receive(1) == []
            await exchange.subscribe("two", ["b"])
            await exchange.leave("one")
            with pytest.raises(BrokerFault):
                await exchange.emit(event("a"))
