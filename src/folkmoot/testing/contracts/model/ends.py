"""How a call ends when it does not end well: time, cut streams, garbage, cancelling."""

# ruff: noqa: D102 - a test's name is its docstring, literal expectations are the point
import asyncio

import msgspec
import pytest

from folkmoot.core.errors import ModelTimeout, ReplyGarbled
from folkmoot.testing.contracts.model.bench import SOON, Base, Bench, ask, fails, question
from folkmoot.testing.wires.script import Ask, Cut, Garbage, Say, Stall


class Ends(Base):
    """How a call ends when it does not end well: time, cut streams, garbage, cancelling."""

    async def test_a_provider_that_does_not_answer_in_time_is_left(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("stall")
        bench.choice = msgspec.structs.replace(bench.choice, timeout_s=0.3)
        await bench.script(Stall())
        fault = await fails(bench, ModelTimeout, streamed=streamed)
        assert fault.retryable
        if "cancel" not in self.gaps:
            await asyncio.wait_for(bench.left.wait(), SOON)

    async def test_a_stream_that_stops_moving_runs_out_of_time(self, bench: Bench) -> None:
        self.needs("stall", "cancel")
        bench.choice = msgspec.structs.replace(bench.choice, timeout_s=0.5)
        await bench.script(Stall(Say(text="It began, and then it went on, and then")))
        await fails(bench, ModelTimeout, streamed=True)
        await asyncio.wait_for(bench.left.wait(), SOON)

    async def test_garbage_is_garbled(self, bench: Bench, streamed: bool) -> None:
        self.needs("garbage")
        await bench.script(Garbage())
        fault = await fails(bench, ReplyGarbled, streamed=streamed)
        assert fault.retryable
        assert await bench.asked() == 1

    async def test_a_broken_connection_never_gives_half_a_reply(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("cut")
        await bench.script(Cut(Say(text="This sentence is not going to be whole, I fear.")))
        await fails(bench, ReplyGarbled, streamed=streamed)
        assert await bench.asked() == 1

    async def test_a_stream_that_ends_before_its_reply_does_is_cut(self, bench: Bench) -> None:
        self.needs("cut", "polite")
        say = Say(text="This sentence is not going to be whole, I fear.")
        await bench.script(Cut(say, politely=True))
        await fails(bench, ReplyGarbled, streamed=True)

    async def test_a_stream_that_ends_between_two_calls_is_cut(self, bench: Bench) -> None:
        self.needs("cut", "polite", "calls")
        say = Say(calls=(Ask("look", {"place": "harbour"}), Ask("look", {"place": "tower"})))
        await bench.script(Cut(say, politely=True))
        await fails(bench, ReplyGarbled, streamed=True)

    async def test_an_empty_reply_is_garbled(self, bench: Bench, streamed: bool) -> None:
        self.needs("empty")
        await bench.script(Say(text=""))
        await fails(bench, ReplyGarbled, streamed=streamed)

    async def test_cancelling_ends_the_request(self, bench: Bench) -> None:
        self.needs("stall", "cancel")
        await bench.script(Stall(Say(text="It began, and then it went on, and then")))
        begun = asyncio.Event()
        task = asyncio.create_task(bench.model.call(question(bench), lambda _: begun.set()))
        await asyncio.wait_for(begun.wait(), SOON)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(bench.left.wait(), SOON)

    async def test_closing_twice_is_closing_once(self, bench: Bench) -> None:
        await bench.script(Say(text="Bye."))
        await ask(bench, streamed=False)
        await bench.model.close()
        await bench.model.close()
