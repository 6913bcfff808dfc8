"""Queues: each announced run is taken, by one, the most urgent first."""

import asyncio

from folkmoot.core.task import PRIORITIES
from folkmoot.ports.broker import Broker
from folkmoot.testing.contracts.broker.hands import SOON_S, cancel, gather, needs, take, turn

_MANY = 500


class Queues:
    """put, take, ack, nack."""

    async def test_what_is_put_is_taken(self, broker: Broker) -> None:
        """The id and the priority arrive."""
        await broker.put("q", "run_1", "high")
        (delivery,) = await take(broker)
        assert (delivery.run, delivery.priority) == ("run_1", "high")
        await delivery.ack()

    async def test_a_taker_waits_until_there_is_something(self, broker: Broker) -> None:
        """It does not return empty-handed."""
        taker = asyncio.ensure_future(take(broker))
        await turn()
        assert not taker.done()
        await broker.put("q", "run_1")
        assert [x.run for x in await taker] == ["run_1"]

    async def test_a_taker_gets_no_more_than_it_asked_for(self, broker: Broker) -> None:
        """And what it left is there for the next."""
        for n in range(5):
            await broker.put("q", f"run_{n}")
        first = await take(broker, 2)
        assert len(first) in {1, 2}
        rest = await gather(broker, 5 - len(first))
        assert sorted(x.run for x in [*first, *rest]) == [f"run_{n}" for n in range(5)]

    async def test_urgent_runs_are_taken_first(self, broker: Broker) -> None:
        """Whatever the order in which they were put."""
        for priority in reversed(PRIORITIES):
            await broker.put("q", f"run_{priority}", priority)
        taken = await gather(broker, len(PRIORITIES), at_once=1)
        assert [x.priority for x in taken] == list(PRIORITIES)
        assert [x.run for x in taken] == [f"run_{priority}" for priority in PRIORITIES]

    async def test_runs_of_one_priority_keep_their_order(self, broker: Broker) -> None:
        """Where the broker says that it can do that."""
        needs(broker, "ordered")
        runs = [f"run_{n}" for n in range(_MANY)]
        for run in runs:
            await broker.put("q", run)
        assert [x.run for x in await gather(broker, _MANY)] == runs

    async def test_queues_are_apart(self, broker: Broker) -> None:
        """A taker of one never sees what is in another, not even in one whose name begins alike."""
        await broker.put("queue", "run_1")
        await broker.put("queue2", "run_2")
        assert [x.run for x in await take(broker, 10, "queue2")] == ["run_2"]
        assert [x.run for x in await take(broker, 10, "queue")] == ["run_1"]

    async def test_what_was_acked_does_not_come_back(self, broker: Broker) -> None:
        """An ack may be said twice, and a nack after it does nothing."""
        await broker.put("q", "run_1")
        (delivery,) = await take(broker)
        await delivery.ack()
        await delivery.ack()
        await delivery.nack()
        await broker.put("q", "run_2")
        assert [x.run for x in await take(broker, 10)] == ["run_2"]

    async def test_what_was_nacked_comes_back(self, broker: Broker) -> None:
        """Once for all nacks of one delivery, with its priority, as often as it takes."""
        await broker.put("q", "run_1", "high")
        for _ in range(3):
            (delivery,) = await take(broker)
            assert (delivery.run, delivery.priority) == ("run_1", "high")
            await delivery.nack()
            await delivery.nack()
        (delivery,) = await take(broker)
        await delivery.ack()
        await broker.put("q", "run_2")
        assert [x.run for x in await take(broker, 10)] == ["run_2"]

    async def test_a_late_nack_does_not_take_a_run_from_its_next_taker(
        self, broker: Broker
    ) -> None:
        """What one gave back and another took is not put in a second time."""
        await broker.put("q", "run_1")
        (first,) = await take(broker)
        await first.nack()
        (second,) = await take(broker)
        await first.nack()
        await second.ack()
        await broker.put("q", "run_2")
        assert [x.run for x in await take(broker, 10)] == ["run_2"]

    async def test_a_nack_wakes_who_waits(self, broker: Broker) -> None:
        """Somebody else gets the run at once."""
        await broker.put("q", "run_1")
        (delivery,) = await take(broker)
        other = asyncio.ensure_future(take(broker))
        await turn()
        await delivery.nack()
        assert [x.run for x in await other] == ["run_1"]

    async def test_each_run_goes_to_one_of_many_takers(self, broker: Broker) -> None:
        """All that was put is taken, by whoever is there, with nobody left waiting for it."""
        taken: list[str] = []
        complete = asyncio.Event()

        async def taker() -> None:
            while True:
                for delivery in await broker.take("q", 3):
                    taken.append(delivery.run)
                    await delivery.ack()
                    if len(set(taken)) == _MANY:
                        complete.set()

        takers = [asyncio.ensure_future(taker()) for _ in range(10)]
        await turn()
        for n in range(_MANY):
            await broker.put("q", f"run_{n}")
        async with asyncio.timeout(SOON_S):
            await complete.wait()
        await cancel(*takers)
        assert len(taken) == _MANY

    async def test_a_taker_that_gave_up_loses_nothing(self, broker: Broker) -> None:
        """It was cancelled before anything came, or in the very moment when something came."""
        early, late = [asyncio.ensure_future(broker.take("q")) for _ in range(2)]
        await turn()
        await cancel(early)
        await broker.put("q", "run_1")
        late.cancel()
        (outcome,) = await asyncio.gather(late, return_exceptions=True)
        found = outcome if isinstance(outcome, list) else await take(broker)
        assert [x.run for x in found] == ["run_1"]

    async def test_a_taker_that_gave_up_passes_the_word_on(self, broker: Broker) -> None:
        """Another one that waits gets what it would have got."""
        first = asyncio.ensure_future(broker.take("q"))
        await turn()
        other = asyncio.ensure_future(take(broker))
        await turn()
        await broker.put("q", "run_1")
        first.cancel()
        (outcome,) = await asyncio.gather(first, return_exceptions=True)
        if isinstance(outcome, list):
            await broker.put("q", "run_1")
        assert [x.run for x in await other] == ["run_1"]

    async def test_who_is_about_to_give_up_is_passed_over(self, broker: Broker) -> None:
        """A taker that was cancelled a moment before gets nothing; the next one does."""
        first = asyncio.ensure_future(broker.take("q"))
        await turn()
        other = asyncio.ensure_future(take(broker))
        await turn()
        first.cancel()
        await broker.put("q", "run_1")
        assert [x.run for x in await other] == ["run_1"]
        await cancel(first)

    async def test_putting_does_not_wait_for_takers(self, broker: Broker) -> None:
        """Nobody takes, and everything is there when somebody comes."""
        async with asyncio.timeout(SOON_S):
            for n in range(_MANY):
                await broker.put("nobody", f"run_{n}")
        taken = await gather(broker, _MANY, queue="nobody")
        assert {x.run for x in taken} == {f"run_{n}" for n in range(_MANY)}
