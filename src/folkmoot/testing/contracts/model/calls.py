"""What the model asks for, and what goes back to it: tool calls, results, thoughts."""

# ruff: noqa: D102, PLR2004 - a test's name is its docstring, literal expectations are the point

import msgspec

from folkmoot.core.messages import Message, Returned, Said, Thought
from folkmoot.testing.contracts.model.bench import Base, Bench, after, answered, ask
from folkmoot.testing.wires.script import Ask, Say, Think


class Calls(Base):
    """What the model asks for, and what goes back to it: tool calls, results, thoughts."""

    async def test_a_tool_call_and_its_result_make_a_round_trip(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("calls")
        await bench.script(
            Say(text="I look.", calls=(Ask("look", {"place": "harbour"}),)), Say(text="Two ships.")
        )
        first = await ask(bench, streamed=streamed)
        (call,) = first.calls
        assert (call.name, call.args, call.raw) == ("look", {"place": "harbour"}, "")
        assert (first.text, first.finish) == ("I look.", "tools")
        second = await ask(bench, *after(first, "ship-a, ship-b"), streamed=streamed)
        assert second.text == "Two ships."
        if "heard" not in self.gaps:
            heard = await bench.heard()
            assert "ship-a, ship-b" in heard
            assert heard.count(call.id) >= 2

    async def test_parallel_calls_come_back_whole_each_with_its_own_id(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("calls")
        places = ["harbour", "tower", "gate"]
        asks = tuple(Ask("look", {"place": place}) for place in places)
        await bench.script(Say(calls=asks), Say(text="Seen."))
        first = await ask(bench, streamed=streamed)
        assert [call.args["place"] for call in first.calls] == places
        assert len({call.id for call in first.calls}) == 3
        results = [Returned(c.id, c.name, f"at {c.args['place']}") for c in first.calls]
        history: list[Message] = [
            Said("Look around."),
            answered(first),
            *results,
            Said("Be quick."),
        ]
        assert (await ask(bench, *history, streamed=streamed)).text == "Seen."

    async def test_a_failed_tool_call_is_told_as_one(self, bench: Bench) -> None:
        self.needs("calls")
        await bench.script(Say(calls=(Ask("look", {"place": "moon"}),)), Say(text="A pity."))
        first = await ask(bench, streamed=True)
        call = first.calls[0]
        failed = Returned(call.id, call.name, "no such place", error=True)
        history: list[Message] = [Said("Look around."), answered(first), failed]
        assert (await ask(bench, *history, streamed=True)).text == "A pity."
        if "heard" not in self.gaps:
            assert "no such place" in await bench.heard()

    async def test_arguments_that_are_no_object_are_kept_raw(self, bench: Bench) -> None:
        self.needs("calls", "raw")
        asks = (Ask("look", raw='{"place": "harb'), Ask("look", raw='["harbour"]'))
        await bench.script(Say(calls=asks), Say(text="Go on."))
        first = await ask(bench, streamed=True)
        assert [call.raw for call in first.calls] == ['{"place": "harb', '["harbour"]']
        assert [call.args for call in first.calls] == [{}, {}]
        results = [Returned(c.id, c.name, "not JSON", error=True) for c in first.calls]
        history: list[Message] = [Said("Look around."), answered(first), *results]
        assert (await ask(bench, *history, streamed=True)).text == "Go on."

    async def test_thoughts_go_back_to_their_maker_and_to_nobody_else(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("thoughts", "calls", "heard")
        think = Think("I should look at the harbour.", "c2lnbmF0dXJlLTEyMw==")
        say = Say(text="I look.", think=think, calls=(Ask("look", {"place": "harbour"}),))
        await bench.script(say, Say(text="Two ships."), Say(text="Two ships."))
        first = await ask(bench, streamed=streamed)
        assert any("I should look" in str(thought.data) for thought in first.thoughts)
        kept = msgspec.json.decode(msgspec.json.encode(first.thoughts), type=tuple[Thought, ...])
        assert kept == first.thoughts
        await ask(bench, *after(first, "ships"), streamed=streamed)
        assert think.signature in await bench.heard()
        others = tuple(Thought("somebody-else", thought.data) for thought in first.thoughts)
        stranger = msgspec.structs.replace(first, thoughts=others)
        await ask(bench, *after(stranger, "ships"), streamed=streamed)
        assert think.signature not in await bench.heard()
        assert think.text not in await bench.heard()
