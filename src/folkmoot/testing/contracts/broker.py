"""What every broker owes (ports/broker.py), as tests that are written against the port alone.

    class TestMyBroker(BrokerContract):
        @pytest.fixture
        async def broker(self, server):
            broker = MyBroker(server)
            await broker.open()
            yield broker
            await broker.close()

`broker` is open and empty: on a shared server, give each test a name space of its own. A broker with
the capability `shared` overrides `second`, too. Capabilities that the suite knows:

    ordered      runs of one priority are taken in the order in which they were put
    shared       several processes carry to each other
    redelivers   what a taker neither acked nor nacked comes back when its connection is gone

The tests are async: run them with pytest-asyncio in its auto mode.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import pytest

from folkmoot.core.events import Event
from folkmoot.core.task import PRIORITIES
from folkmoot.ports.broker import Broker, Delivery

SOON_S = 10.0
"""What must happen happens within this time even on a slow machine; nobody waits for it in vain."""

_MANY = 500
_FLOOD = 20_000


class BrokerContract:
    """All of it. Override the fixtures."""

    @pytest.fixture
    async def broker(self) -> Broker:
        """Return an open, empty broker."""
        raise NotImplementedError("Override the fixture `broker`.")

    @pytest.fixture
    async def second(self, broker: Broker) -> Broker:
        """Return another open handle on the same broker, as another process has it (`shared`)."""
        if "shared" in broker.capabilities:
            pytest.fail("The broker is shared: override the fixture 'second'.")
        pytest.skip("The broker is not shared.")

    # --- queues ---

    async def test_what_is_put_is_taken(self, broker: Broker) -> None:
        """The id and the priority arrive."""
        await broker.put("q", "run_1", "high")
        (delivery,) = await _take(broker)
        assert (delivery.run, delivery.priority) == ("run_1", "high")
        await delivery.ack()

    async def test_a_taker_waits_until_there_is_something(self, broker: Broker) -> None:
        """It does not return empty-handed."""
        taker = asyncio.ensure_future(_take(broker))
        await _turn()
        assert not taker.done()
        await broker.put("q", "run_1")
        assert [x.run for x in await taker] == ["run_1"]

    async def test_a_taker_gets_no_more_than_it_asked_for(self, broker: Broker) -> None:
        """And what it left is there for the next."""
        for n in range(5):
            await broker.put("q", f"run_{n}")
        first = await _take(broker, 2)
        assert len(first) in {1, 2}
        rest = await _gather(broker, 5 - len(first))
        assert sorted(x.run for x in [*first, *rest]) == [f"run_{n}" for n in range(5)]

    async def test_urgent_runs_are_taken_first(self, broker: Broker) -> None:
        """Whatever the order in which they were put."""
        for priority in reversed(PRIORITIES):
            await broker.put("q", f"run_{priority}", priority)
        taken = await _gather(broker, len(PRIORITIES), at_once=1)
        assert [x.priority for x in taken] == list(PRIORITIES)
        assert [x.run for x in taken] == [f"run_{priority}" for priority in PRIORITIES]

    async def test_runs_of_one_priority_keep_their_order(self, broker: Broker) -> None:
        """Where the broker says that it can do that."""
        _needs(broker, "ordered")
        runs = [f"run_{n}" for n in range(_MANY)]
        for run in runs:
            await broker.put("q", run)
        assert [x.run for x in await _gather(broker, _MANY)] == runs

    async def test_queues_are_apart(self, broker: Broker) -> None:
        """A taker of one never sees what is in another, not even in one whose name begins alike."""
        await broker.put("queue", "run_1")
        await broker.put("queue2", "run_2")
        assert [x.run for x in await _take(broker, 10, "queue2")] == ["run_2"]
        assert [x.run for x in await _take(broker, 10, "queue")] == ["run_1"]

    async def test_what_was_acked_does_not_come_back(self, broker: Broker) -> None:
        """An ack may be said twice, and a nack after it does nothing."""
        await broker.put("q", "run_1")
        (delivery,) = await _take(broker)
        await delivery.ack()
        await delivery.ack()
        await delivery.nack()
        await broker.put("q", "run_2")
        assert [x.run for x in await _take(broker, 10)] == ["run_2"]

    async def test_what_was_nacked_comes_back(self, broker: Broker) -> None:
        """Once for all nacks of one delivery, with its priority, as often as it takes."""
        await broker.put("q", "run_1", "high")
        for _ in range(3):
            (delivery,) = await _take(broker)
            assert (delivery.run, delivery.priority) == ("run_1", "high")
            await delivery.nack()
            await delivery.nack()
        (delivery,) = await _take(broker)
        await delivery.ack()
        await broker.put("q", "run_2")
        assert [x.run for x in await _take(broker, 10)] == ["run_2"]

    async def test_a_late_nack_does_not_take_a_run_from_its_next_taker(
        self, broker: Broker
    ) -> None:
        """What one gave back and another took is not put in a second time."""
        await broker.put("q", "run_1")
        (first,) = await _take(broker)
        await first.nack()
        (second,) = await _take(broker)
        await first.nack()
        await second.ack()
        await broker.put("q", "run_2")
        assert [x.run for x in await _take(broker, 10)] == ["run_2"]

    async def test_a_nack_wakes_who_waits(self, broker: Broker) -> None:
        """Somebody else gets the run at once."""
        await broker.put("q", "run_1")
        (delivery,) = await _take(broker)
        other = asyncio.ensure_future(_take(broker))
        await _turn()
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
        await _turn()
        for n in range(_MANY):
            await broker.put("q", f"run_{n}")
        async with asyncio.timeout(SOON_S):
            await complete.wait()
        await _cancel(*takers)
        assert len(taken) == _MANY

    async def test_a_taker_that_gave_up_loses_nothing(self, broker: Broker) -> None:
        """It was cancelled before anything came, or in the very moment when something came."""
        early, late = [asyncio.ensure_future(broker.take("q")) for _ in range(2)]
        await _turn()
        await _cancel(early)
        await broker.put("q", "run_1")
        late.cancel()
        (outcome,) = await asyncio.gather(late, return_exceptions=True)
        found = outcome if isinstance(outcome, list) else await _take(broker)
        assert [x.run for x in found] == ["run_1"]

    async def test_a_taker_that_gave_up_passes_the_word_on(self, broker: Broker) -> None:
        """Another one that waits gets what it would have got."""
        first = asyncio.ensure_future(broker.take("q"))
        await _turn()
        other = asyncio.ensure_future(_take(broker))
        await _turn()
        await broker.put("q", "run_1")
        first.cancel()
        (outcome,) = await asyncio.gather(first, return_exceptions=True)
        if isinstance(outcome, list):
            await broker.put("q", "run_1")
        assert [x.run for x in await other] == ["run_1"]

    async def test_who_is_about_to_give_up_is_passed_over(self, broker: Broker) -> None:
        """A taker that was cancelled a moment before gets nothing; the next one does."""
        first = asyncio.ensure_future(broker.take("q"))
        await _turn()
        other = asyncio.ensure_future(_take(broker))
        await _turn()
        first.cancel()
        await broker.put("q", "run_1")
        assert [x.run for x in await other] == ["run_1"]
        await _cancel(first)

    async def test_putting_does_not_wait_for_takers(self, broker: Broker) -> None:
        """Nobody takes, and everything is there when somebody comes."""
        async with asyncio.timeout(SOON_S):
            for n in range(_MANY):
                await broker.put("nobody", f"run_{n}")
        taken = await _gather(broker, _MANY, queue="nobody")
        assert {x.run for x in taken} == {f"run_{n}" for n in range(_MANY)}

    # --- topics ---

    async def test_a_listener_hears_what_fits_its_patterns(self, broker: Broker) -> None:
        """Whole topics, `*` for one word, `#` for any number; nothing else, and bytes as they were."""
        async with broker.listen("run.1.entry", "run.*.delta", "system.#") as events:
            sent = [
                Event("run.1.entry", b"\0\xff"),
                Event("run.1.delta", "\U0001f98a".encode()),
                Event("run.2.delta"),
                Event("system"),
                Event("system.a.b", b"x" * 50_000),
            ]
            others = [
                "run.2.entry",
                "run.1.entry.x",
                "run.1",
                "run.1.2.delta",
                "systems",
                "a.run.1",
            ]
            for event, other in zip(sent, others, strict=False):
                await broker.publish(Event(other))
                await broker.publish(event)
            assert await _hear(events, len(sent)) == sent

    async def test_every_listener_hears_every_event(self, broker: Broker) -> None:
        """One that listens twice to the same does not push another out."""
        async with (
            broker.listen("a.b") as one,
            broker.listen("a.*") as two,
            broker.listen("a.b") as three,
        ):
            await broker.publish(Event("a.b"))
            assert [await _hear(x, 1) for x in (one, two, three)] == [[Event("a.b")]] * 3

    async def test_a_listener_hears_from_the_moment_it_listens(self, broker: Broker) -> None:
        """Nothing from before; everything after, also what comes before it first asks."""
        await broker.publish(Event("a", b"0"))
        async with broker.listen("a") as events:
            await broker.publish(Event("a", b"1"))
            await broker.publish(Event("a", b"2"))
            assert [event.body for event in await _hear(events, 2)] == [b"1", b"2"]

    async def test_a_listener_that_waits_is_woken(self, broker: Broker) -> None:
        """Each time anew."""
        async with broker.listen("a") as events:
            for body in (b"1", b"2", b"3"):
                waiting = asyncio.ensure_future(_hear(events, 1))
                await _turn()
                assert not waiting.done()
                await broker.publish(Event("a", body))
                assert await waiting == [Event("a", body)]

    async def test_a_listener_that_left_is_forgotten(self, broker: Broker) -> None:
        """Its iterator ends, and others on the same topic go on."""
        async with broker.listen("a") as staying:
            async with broker.listen("a") as leaving:
                await broker.publish(Event("a", b"1"))
                assert await _hear(leaving, 1) == await _hear(staying, 1)
            assert await _rest(leaving) == []
            await broker.publish(Event("a", b"2"))
            assert [event.body for event in await _hear(staying, 1)] == [b"2"]

    async def test_a_listener_may_give_up_waiting_and_go_on(self, broker: Broker) -> None:
        """A wait that was cancelled loses no event and does not end the iterator."""
        async with broker.listen("a") as events:
            waiting = asyncio.ensure_future(anext(events))
            await _turn()
            await _cancel(waiting)
            await broker.publish(Event("a", b"1"))
            assert await _hear(events, 1) == [Event("a", b"1")]
            waiting = asyncio.ensure_future(anext(events))
            await _turn()
            await broker.publish(Event("a", b"2"))
            waiting.cancel()
            (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
            found = [outcome] if isinstance(outcome, Event) else await _hear(events, 1)
            assert found == [Event("a", b"2")]

    async def test_a_slow_listener_loses_the_oldest_and_slows_nobody(self, broker: Broker) -> None:
        """However much it missed, the newest arrives, and in order."""
        async with broker.listen("a") as slow, broker.listen("a.end") as other:
            async with asyncio.timeout(SOON_S):
                for n in range(_FLOOD):
                    await broker.publish(Event("a", b"%d" % n))
            await broker.publish(Event("a.end"))
            assert await _hear(other, 1) == [Event("a.end")]
            heard = [int((await _hear(slow, 1))[0].body)]
            while heard[-1] != _FLOOD - 1:
                heard.append(int((await _hear(slow, 1))[0].body))
            assert heard == sorted(set(heard))

    async def test_publishing_to_nobody_is_no_error(self, broker: Broker) -> None:
        """It just goes nowhere."""
        await broker.publish(Event("nobody.listens"))

    async def test_somebody_who_listens_is_not_overlooked(self, broker: Broker) -> None:
        """`heard` may say yes in vain, but never no when there is a listener."""
        async with broker.listen("run.1.delta", "system.#"):
            assert broker.heard("run.1.delta")
            assert broker.heard("system.a.b")
            async with broker.listen("run.*.delta", "*.2.entry"):
                assert broker.heard("run.2.delta")
                assert broker.heard("run.2.entry")

    # --- the end ---

    async def test_closing_ends_takers_and_listeners(self, broker: Broker) -> None:
        """A taker returns an empty list, a listener's iteration ends: neither hangs nor raises."""
        async with (
            broker.listen("a") as one,
            broker.listen("b.*") as two,
            broker.listen("*.b") as three,
        ):
            taker = asyncio.ensure_future(broker.take("q"))
            ends = [asyncio.ensure_future(_rest(events)) for events in (one, two, three)]
            await _turn()
            async with asyncio.timeout(SOON_S):
                await broker.close()
                assert await taker == []
                assert await asyncio.gather(*ends) == [[], [], []]

    async def test_a_closed_broker_carries_nothing_and_raises_nothing(self, broker: Broker) -> None:
        """Nothing that matters is lost: the store knows what is ready."""
        await broker.put("q", "run_1")
        (delivery,) = await _take(broker)
        await broker.close()
        await broker.close()
        async with asyncio.timeout(SOON_S):
            await broker.put("q", "run_2")
            await broker.publish(Event("a"))
            await delivery.nack()
            assert await broker.take("q") == []
            async with broker.listen("a") as events:
                assert await _rest(events) == []

    async def test_opening_twice_does_no_harm(self, broker: Broker) -> None:
        """What is carried stays."""
        await broker.put("q", "run_1")
        await broker.open()
        assert [x.run for x in await _take(broker)] == ["run_1"]

    # --- several processes ---

    async def test_what_one_puts_another_takes(self, broker: Broker, second: Broker) -> None:
        """Also when the taker waits already."""
        taker = asyncio.ensure_future(_take(second))
        await _turn()
        await broker.put("q", "run_1", "low")
        assert [(x.run, x.priority) for x in await taker] == [("run_1", "low")]

    async def test_what_one_publishes_another_hears(self, broker: Broker, second: Broker) -> None:
        """From the moment when it listens."""
        async with second.listen("run.*.entry") as events:
            await broker.publish(Event("run.1.entry", b"1"))
            assert await _hear(events, 1) == [Event("run.1.entry", b"1")]

    async def test_what_a_dead_taker_held_comes_back(self, broker: Broker, second: Broker) -> None:
        """Where the broker says that it can do that."""
        _needs(broker, "redelivers")
        await broker.put("q", "run_1")
        (delivery,) = await _take(second)
        await second.close()
        assert [x.run for x in await _take(broker)] == [delivery.run]


def _needs(broker: Broker, capability: str) -> None:
    if capability not in broker.capabilities:
        _skip(f"The broker does not claim to be {capability!r}.")


def _skip(reason: str) -> NoReturn:
    pytest.skip(reason)


async def _turn() -> None:
    """Let everything that can run do so a few times."""
    for _ in range(5):
        await asyncio.sleep(0)


async def _take(broker: Broker, limit: int = 1, queue: str = "q") -> list[Delivery]:
    async with asyncio.timeout(SOON_S):
        found = await broker.take(queue, limit)
    assert 1 <= len(found) <= limit, f"asked for at most {limit}, got {len(found)}"
    return found


async def _gather(
    broker: Broker, count: int, *, at_once: int = 100, queue: str = "q"
) -> list[Delivery]:
    """Take and ack until there were so many."""
    taken: list[Delivery] = []
    while len(taken) < count:
        taken += await _take(broker, min(at_once, count - len(taken)), queue)
        await taken[-1].ack()
    return taken


async def _hear(events: AsyncIterator[Event], count: int) -> list[Event]:
    async with asyncio.timeout(SOON_S):
        return [await anext(events) for _ in range(count)]


async def _rest(events: AsyncIterator[Event]) -> list[Event]:
    async with asyncio.timeout(SOON_S):
        return [event async for event in events]


async def _cancel(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
