"""The way of an event: emitted, kept, made into a run; once, whatever happens."""

import asyncio

import pytest

from folkmoot.core import envelope as envelopes
from folkmoot.core.errors import Invalid, StoreFault
from folkmoot.gateways.events import Inbox, Reactions


async def test_an_event_starts_the_agent_that_wants_it(moot, envelope, wants):
    async with moot(wants("clerk", "orders.*")) as system:
        await system.emit(envelope(payload={"id": 7}, priority="high", trace_id="t1"))
        (run,) = await system.settle(1)
        assert (run.agent, run.source, run.priority, run.state) == (
            "clerk",
            "event",
            "high",
            "succeeded",
        )
        assert run.labels == {
            "event_id": "e-1",
            "event_type": "orders.created",
            "event_hops": "1",
            "trace_id": "t1",
        }
        (created, *_) = await system.journal(run.id)
        assert (created.task.input, created.task.key) == ('{"id":7}', "clerk/e-1")
        assert await system.kept() == []
        assert (await system.desk.counts()).outbox == 0
        assert system.counted == {"received": 1, "handled": 1}


async def test_an_event_is_put_into_the_words_of_the_trigger(moot, envelope, wants):
    clerk = wants("clerk", "orders.*", input="{{ event_type }}: {{ payload.id }}", priority="low")
    async with moot(clerk) as system:
        await system.emit(envelope(payload={"id": 7}, priority="critical"))
        (run,) = await system.settle(1)
        (created, *_) = await system.journal(run.id)
        assert (created.task.input, run.priority) == ("orders.created: 7", "low")


async def test_of_several_agents_each_is_started_and_each_once(moot, envelope, wants):
    """Two that want the same (nobody pushes another out), one that wants it twice."""
    agents = (
        wants("a", "orders.*"),
        wants("b", "orders.*"),
        wants("c", "orders.#", "#", "*.created"),
    )
    async with moot(*agents, wants("d", "orders")) as system:
        await system.emit(envelope())
        assert sorted(run.agent for run in await system.settle(3)) == ["a", "b", "c"]
        assert await system.again(1) == 0
        assert len(await system.runs()) == 3


@pytest.mark.parametrize("pattern", ["order.*", "orders.create", "rders.created", "orders", "*"])
async def test_a_part_of_a_word_is_not_the_word(moot, envelope, wants, pattern):
    async with moot(wants("a", pattern), wants("b", "orders.*")) as system:
        await system.emit(envelope())
        assert [run.agent for run in await system.settle(1)] == ["b"]


async def test_the_same_event_is_one_run_at_any_time(moot, envelope, wants):
    async with moot(wants("a", "#")) as system:
        await system.emit(envelope(), envelope())
        await system.settle(1)
        for _ in range(2):  # its record is gone: the run's key in the inbox knows it
            await system.exchange.emit(envelope(payload={"other": "words"}))
            await system.again(10)
        assert len(await system.runs()) == 1
        assert system.counted["repeated"] == 2
        assert await system.kept() == []


async def test_two_processes_make_one_run(moot, envelope, wants):
    """Both receive it, and both deal with it."""
    async with moot(wants("a", "#")) as system:
        other = Inbox(system.events, Reactions(system.events).once)
        await other.start()
        for _ in range(3):
            await system.exchange.emit(envelope())
        others = [Reactions(system.events) for _ in range(3)]
        await asyncio.gather(*(each.once() for each in others))
        await system.settle(1)
        assert len(await system.runs()) == 1
        await other.stop()


async def test_an_event_is_acked_only_when_it_is_kept(moot, envelope, wants):
    async with moot(wants("a", "#")) as system:
        write, refuse = system.store.write, True

        async def fail(*changes):
            if refuse:
                raise StoreFault("The disk is away.")
            return await write(*changes)

        system.store.write = fail
        emitting = asyncio.ensure_future(system.exchange.emit(envelope()))
        await system.clock.asleep()
        assert not emitting.done()
        refuse = False
        system.clock.advance(1)
        await emitting
        assert len(await system.settle(1)) == 1
        assert [told[0] for told in system.reports] == ["event_not_kept"]


async def test_what_was_kept_and_not_dealt_with_is_found_by_the_next_process(moot, envelope, wants):
    """The crash between the ack and the run: here nothing is done after keeping."""
    async with moot(wants("a", "#")) as system:
        await system.inbox.stop()

        async def nothing():
            return None

        keeping = Inbox(system.events, nothing)
        await keeping.start()
        await system.emit(envelope())
        assert (len(await system.kept()), await system.runs()) == (1, [])
        assert await Reactions(system.events).once() == 1
        assert len(await system.settle(1)) == 1
        await keeping.stop()


async def test_an_event_that_is_too_old_is_dropped_and_told_of(moot, envelope, wants):
    async with moot(wants("a", "#")) as system:
        await system.emit(envelope(ttl_seconds=1))
        assert (await system.runs(), await system.kept()) == ([], [])
        assert system.counted == {"received": 1, "expired": 1}
        assert [told[0] for told in system.reports] == ["event_expired"]


async def test_agents_that_come_and_go_are_served_and_left(moot, envelope, wants):
    async with moot(wants("a", "#")) as system:
        system._catalog._agents["b"] = wants("b", "orders.*")
        await system.inbox.sync()
        await system.emit(envelope(id="1"))
        assert sorted(run.agent for run in await system.settle(2)) == ["a", "b"]
        del system._catalog._agents["a"]
        await system.inbox.sync()
        await system.emit(envelope(id="2"))
        assert sorted(run.agent for run in await system.settle(3)) == ["a", "b", "b"]


async def test_a_pattern_that_was_taken_away_wants_no_more(moot, envelope, wants):
    """Engines may still let it through."""
    async with moot(wants("a", "#")) as system:
        system._catalog._agents["a"] = wants("a", "bills.*")
        await system.inbox.sync()
        await system.exchange.subscribe("a", ["#"])
        await system.emit(envelope())
        assert await system.runs() == []
        assert system.counted == {"unwanted": 1}


async def test_events_cannot_be_emitted_that_nobody_could_read(moot, envelope):
    async with moot() as system:
        for wrong in (envelope(kind="a.*"), envelope(id="a/b"), envelope(payload={"x": "\ud800"})):
            with pytest.raises(Invalid):
                await system.desk.events.emit(wrong)
        assert (await system.desk.counts()).outbox == 0


async def test_an_event_waits_in_the_outbox_for_the_exchange(moot, envelope, wants):
    async with moot(wants("a", "#")) as system:
        await system.exchange.close()
        assert await system.emit(envelope()) == 0
        assert (await system.desk.counts()).outbox == 1
        await system.exchange.open()
        again = Inbox(system.events, system.reactions.once)
        await again.start()
        system.clock.advance(1)
        assert await system.delivery.once() == 1
        assert len(await system.settle(1)) == 1
        await again.stop()


async def test_ends_of_runs_are_told_to_who_asks(moot, envelope, wants):
    """In the set that ends the run; the event names what it came from, and comes but once."""
    teller = wants("teller", "orders.*")
    teller = type(teller)(**{**_fields(teller), "emits": ("task.completed",)})
    async with moot(teller, wants("hearer", "task.*")) as system:
        await system.emit(envelope(trace_id="t1"))
        (first,) = await system.settle(1)
        (item,) = await system.store.outbox(system.clock.now(), 10)
        told = envelopes.read(item.body)
        assert (told.event_type, told.source_agent_id) == ("task.completed", "teller")
        assert (told.execution_id, told.parent_event_id, told.trace_id) == (first.id, "e-1", "t1")
        assert (told.hop_count, told.payload["output"]) == (1, "Done.")
        assert item.id == f"event/{told.event_id}"
        assert await system.delivery.once() == 1
        await system.settle(2)
        (second,) = await system.runs(agent="hearer")
        assert second.labels["event_hops"] == "2"
        assert await system.store.outbox(system.clock.now(), 10) == []


async def test_who_does_not_ask_is_told_nothing(moot):
    async with moot() as system:
        assert await system.store.outbox(system.clock.now(), 10) == []


async def test_a_circle_of_agents_ends(moot, envelope, wants):
    """An agent that starts itself by its own end would never stop spending."""
    mill = wants("mill", "#")
    mill = type(mill)(**{**_fields(mill), "emits": ("task.completed",)})
    async with moot(mill) as system:
        await system.emit(envelope())
        for n in range(1, envelopes.MOST_HOPS):
            await system.settle(n)
            await system.delivery.once()
        await system.settle(envelopes.MOST_HOPS)
        await system.delivery.once()
        for seconds in (1, 2, 4, 8, 16):
            await system.again(seconds)
        assert len(await system.runs(limit=500)) == envelopes.MOST_HOPS
        (dead,) = await system.desk.events.dead()
        assert "circle" not in dead.error
        assert dead.error.startswith("INVALID_TASK: The event has come through 16 runs")


def _fields(agent):
    return {name: getattr(agent, name) for name in agent.__struct_fields__}
