import asyncio
from time import perf_counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from folkmoot.brokers.local import LocalBroker
from folkmoot.brokers.topics import Listener, Topics
from folkmoot.core.events import Event, matches
from folkmoot.ports.broker import Broker
from folkmoot.testing.contracts.broker import BrokerContract


@pytest.fixture
async def broker():
    broker = LocalBroker(buffer=100)
    await broker.open()
    yield broker
    await broker.close()


class TestLocalBroker(BrokerContract):
    @pytest.fixture
    async def broker(self):
        broker = LocalBroker(buffer=100)
        await broker.open()
        yield broker
        await broker.close()


def test_it_is_a_broker():
    as_port: Broker = LocalBroker()
    assert as_port.capabilities == {"ordered"}


async def test_announcing_a_run_again_does_not_make_the_queue_grow(broker):
    for _ in range(3):
        await broker.put("q", "run_1")
    await broker.put("q", "run_2")
    assert [x.run for x in await broker.take("q", 10)] == ["run_1", "run_2"]


async def test_a_run_that_was_taken_can_be_announced_again(broker):
    await broker.put("q", "run_1")
    (delivery,) = await broker.take("q")
    await broker.put("q", "run_1")
    assert [x.run for x in await broker.take("q")] == ["run_1"]
    await delivery.ack()


async def test_a_priority_that_nobody_knows_is_normal(broker):
    await broker.put("q", "run_1", "someday")
    assert [(x.run, x.priority) for x in await broker.take("q")] == [("run_1", "normal")]


async def test_taking_and_giving_back_lets_others_run(broker):
    await broker.put("q", "run_1")
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    (delivery,) = await broker.take("q")
    await delivery.nack()
    assert ran.is_set()


async def test_a_slow_listener_keeps_the_newest_and_no_more_than_its_buffer(broker):
    async with broker.listen("a") as events:
        for n in range(250):
            await broker.publish(Event("a", b"%d" % n))
        assert [int((await anext(events)).body) for _ in range(100)] == list(range(150, 250))


async def test_an_event_that_fits_two_patterns_of_a_listener_is_heard_once(broker):
    async with broker.listen("a.b", "a.*", "#.b", "#", "a.b") as events:
        await broker.publish(Event("a.b", b"1"))
        await broker.publish(Event("a.b", b"2"))
        assert [(await anext(events)).body for _ in range(2)] == [b"1", b"2"]


async def test_what_was_heard_before_the_end_can_still_be_taken(broker):
    async with broker.listen("a") as events:
        await broker.publish(Event("a", b"1"))
        await broker.close()
        assert [event.body async for event in events] == [b"1"]


async def test_a_closed_broker_can_be_opened_again_and_is_empty(broker):
    await broker.put("q", "run_1")
    await broker.close()
    await broker.put("q", "run_2")
    await broker.open()
    taker = asyncio.ensure_future(broker.take("q", 10))
    await asyncio.sleep(0)
    assert not taker.done()
    await broker.put("q", "run_3")
    assert [x.run for x in await taker] == ["run_3"]


async def test_nothing_is_left_of_those_who_listened(broker):
    async with broker.listen("a.b", "a.*", "*.b", "a.#.b"):
        assert broker.heard("a.b")
    async with broker.listen("a.*", "*.b"):
        pass
    topics = broker._topics
    assert [topics._exact, topics._tails, topics._heads] == [{}, {}, {}]


async def test_heard_says_no_when_nobody_listens(broker):
    async with broker.listen("run.1.delta", "run.*.signal", "system.#"):
        assert not broker.heard("run.2.delta")
        assert not broker.heard("run.2.entry")
        assert not broker.heard("systems")
    assert not broker.heard("run.1.delta")


_TOPIC = "a.b.c.d"
_like_it = st.tuples(*[st.sampled_from([word, word, "*", "#", "x"]) for word in _TOPIC.split(".")])
_patterns = st.builds(lambda words, end: ".".join(words[:end]), _like_it, st.integers(1, 4))


@given(st.lists(st.lists(_patterns, max_size=3), max_size=8), st.integers(0, 7))
@example([["a.b.*"], ["a.#"], ["#"], ["a.b.c.d.#"], ["*.b.c.d"], ["a.b.c.d"], ["a.b.#.d"]], 7)
def test_listeners_are_found_as_if_each_pattern_were_tried(patterns, left):
    topics, listeners = Topics(), [Listener(10) for _ in patterns]
    for listener, heard in zip(listeners, patterns, strict=True):
        topics.add(listener, heard)
    staying = [n for n in range(len(patterns)) if n != left]
    if left < len(patterns):
        topics.remove(listeners[left], patterns[left])
    for topic in (_TOPIC, "a.b.c", "a"):
        fit = {n for n in staying if any(matches(pattern, topic) for pattern in patterns[n])}
        found = topics._fitting(topic)
        assert {n for n in range(len(patterns)) if listeners[n] in found} == fit
        assert topics.heard(topic) == bool(fit)


async def test_thousands_who_follow_other_runs_cost_nothing(broker):
    event = Event("run.1.entry")

    async def fastest():
        times = []
        for _ in range(5):
            began = perf_counter()
            for _ in range(500):
                await broker.publish(event)
            times.append(perf_counter() - began)
        return min(times)

    async with broker.listen("run.0.entry", "run.0.*", "run.*.signal"):
        few = await fastest()
    contexts = [broker.listen(f"run.x{n}.entry", f"run.x{n}.*") for n in range(2000)]
    for context in contexts:
        await context.__aenter__()
    many = await fastest()
    for context in contexts:
        await context.__aexit__(None, None, None)
    assert many < few * 10, "publishing looks at those whom it does not concern"
