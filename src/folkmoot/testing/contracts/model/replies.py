"""What was said: text, its pieces, its count, why it ended."""

# ruff: noqa: D102 - a test's name is its docstring, literal expectations are the point

import msgspec
import pytest

from folkmoot.testing.contracts.model.bench import Base, Bench, ask, question
from folkmoot.testing.wires.script import Say


class Replies(Base):
    """What was said: text, its pieces, its count, why it ended."""

    async def test_text_comes_back_as_it_was_said(self, bench: Bench, streamed: bool) -> None:
        await bench.script(Say(text="The harbour is quiet today."))
        answer = await ask(bench, streamed=streamed)
        assert answer.text == "The harbour is quiet today."
        assert (answer.calls, answer.finish) == ((), "stop")
        assert await bench.asked() == 1

    async def test_deltas_add_up_to_the_text(self, bench: Bench) -> None:
        text = "One two three, four five six — sieben, acht. Ende 🏁"
        await bench.script(Say(text=text))
        pieces: list[str] = []
        answer = await bench.model.call(question(bench), pieces.append)
        assert "".join(pieces) == answer.text == text
        assert len(pieces) > 1

    async def test_without_a_listener_nothing_is_streamed_and_the_reply_is_the_same(
        self, bench: Bench
    ) -> None:
        self.needs("whole")
        await bench.script(Say(text="Same."))
        assert (await bench.model.call(question(bench))).text == "Same."

    async def test_usage_is_what_the_provider_counted(self, bench: Bench, streamed: bool) -> None:
        await bench.script(Say(text="Counted.", input=1203, output=41))
        usage = (await ask(bench, streamed=streamed)).usage
        assert (usage.input, usage.output) == (1203, 41)

    async def test_cached_tokens_are_a_part_of_the_input(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("cached")
        await bench.script(Say(text="Counted.", input=1203, output=41, cached=1000))
        usage = (await ask(bench, streamed=streamed)).usage
        assert (usage.input, usage.output, usage.cache_read) == (1203, 41, 1000)

    async def test_a_reply_that_nobody_counted_is_not_free(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("uncounted")
        await bench.script(Say(text="Nobody counted this.", counted=False))
        usage = (await ask(bench, streamed=streamed)).usage
        assert usage.input > 0
        assert usage.output > 0

    @pytest.mark.parametrize("finish", ["length", "filtered"])
    async def test_why_a_reply_ended_is_told(
        self, bench: Bench, finish: str, streamed: bool
    ) -> None:
        self.needs(finish)
        await bench.script(Say(text="And so it", finish=finish))
        assert (await ask(bench, streamed=streamed)).finish == finish

    async def test_an_output_schema_does_not_stand_in_the_way(self, bench: Bench) -> None:
        text = '{"ships": 2}'
        await bench.script(Say(text=text))
        schema = {
            "type": "object",
            "properties": {"ships": {"type": "integer"}},
            "required": ["ships"],
            "additionalProperties": False,
        }
        request = msgspec.structs.replace(question(bench), output=schema)
        assert (await bench.model.call(request)).text == text
