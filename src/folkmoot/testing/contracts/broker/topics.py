"""Topics: whoever listens hears what fits, and slows nobody."""

import asyncio

from folkmoot.core.events import Event
from folkmoot.ports.broker import Broker
from folkmoot.testing.contracts.broker.hands import SOON_S, cancel, hear, rest, turn

_FLOOD = 20_000


class Topics:
    """publish, listen, heard."""

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
            assert await hear(events, len(sent)) == sent

    async def test_every_listener_hears_every_event(self, broker: Broker) -> None:
        """One that listens twice to the same does not push another out."""
        async with (
            broker.listen("a.b") as one,
            broker.listen("a.*") as two,
            broker.listen("a.b") as three,
        ):
            await broker.publish(Event("a.b"))
            assert [await hear(x, 1) for x in (one, two, three)] == [[Event("a.b")]] * 3

    async def test_a_listener_hears_from_the_moment_it_listens(self, broker: Broker) -> None:
        """Nothing from before; everything after, also what comes before it first asks."""
        await broker.publish(Event("a", b"0"))
        async with broker.listen("a") as events:
            await broker.publish(Event("a", b"1"))
            await broker.publish(Event("a", b"2"))
            assert [event.body for event in await hear(events, 2)] == [b"1", b"2"]

    async def test_a_listener_that_waits_is_woken(self, broker: Broker) -> None:
        """Each time anew."""
        async with broker.listen("a") as events:
            for body in (b"1", b"2", b"3"):
                waiting = asyncio.ensure_future(hear(events, 1))
                await turn()
                assert not waiting.done()
                await broker.publish(Event("a", body))
                assert await waiting == [Event("a", body)]

    async def test_a_listener_that_left_is_forgotten(self, broker: Broker) -> None:
        """Its iterator ends, and others on the same topic go on."""
        async with broker.listen("a") as staying:
            async with broker.listen("a") as leaving:
                await broker.publish(Event("a", b"1"))
                assert await hear(leaving, 1) == await hear(staying, 1)
            assert await rest(leaving) == []
            await broker.publish(Event("a", b"2"))
            assert [event.body for event in await hear(staying, 1)] == [b"2"]

    async def test_a_listener_may_give_up_waiting_and_go_on(self, broker: Broker) -> None:
        """A wait that was cancelled loses no event and does not end the iterator."""
        async with broker.listen("a") as events:
            waiting = asyncio.ensure_future(anext(events))
            await turn()
            await cancel(waiting)
            await broker.publish(Event("a", b"1"))
            assert await hear(events, 1) == [Event("a", b"1")]
            waiting = asyncio.ensure_future(anext(events))
            await turn()
            await broker.publish(Event("a", b"2"))
            waiting.cancel()
            (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
            found = [outcome] if isinstance(outcome, Event) else await hear(events, 1)
            assert found == [Event("a", b"2")]

    async def test_a_slow_listener_loses_the_oldest_and_slows_nobody(self, broker: Broker) -> None:
        """However much it missed, the newest arrives, and in order."""
        async with broker.listen("a") as slow, broker.listen("a.end") as other:
            async with asyncio.timeout(SOON_S):
                for n in range(_FLOOD):
                    await broker.publish(Event("a", b"%d" % n))
            await broker.publish(Event("a.end"))
            assert await hear(other, 1) == [Event("a.end")]
            heard = [int((await hear(slow, 1))[0].body)]
            while heard[-1] != _FLOOD - 1:
                heard.append(int((await hear(slow, 1))[0].body))
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
