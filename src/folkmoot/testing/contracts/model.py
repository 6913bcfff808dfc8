"""What every model owes (ports/model.py).

Subclass `ModelContract` and give the fixture `bench`: a model, and a way to say what its provider
answers. What an adapter cannot do, or what its provider's fake cannot play, is declared in `gaps`;
a test that needs it is skipped by that name, and nothing else is.

    calls        tool calls
    raw          arguments that are not a JSON object
    thoughts     reasoning that goes back to its maker
    cached       tokens read from a cache
    uncounted    replies without a count of tokens
    length       replies that a limit ended
    filtered     replies that a filter of the provider ended
    wait         Retry-After
    late         an error inside a stream that began well
    garbage      unreadable replies
    empty        a reply without text
    cut          a broken connection
    polite       a stream that ends in order, before its reply does
    stall        a provider that does not answer
    cancel       a request that can be seen to end
    gone         an address where nobody listens
    keys         credentials
    whole        replies without a stream
    heard        looking at what was sent
"""

# ruff: noqa: D102, PLR2004 - a test's name is its docstring, literal expectations are the point
import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec
import pytest

from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import (
    ContextTooLong,
    ModelAuth,
    ModelFault,
    ModelRejected,
    ModelTimeout,
    ModelUnreachable,
    Overloaded,
    RateLimited,
    ReplyGarbled,
)
from folkmoot.core.messages import Answered, Message, Returned, Said, Thought
from folkmoot.ports.model import Answer, Model, Request, ToolView
from folkmoot.testing.wires.script import Ask, Cut, Garbage, Refuse, Reply, Say, Stall, Think

TOOL = ToolView(
    "look",
    "Look at a place.",
    {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
)
SOON = 5.0


class Bench(Protocol):
    """A model under test, and the strings that move its provider."""

    choice: ModelChoice
    secret: str
    left: asyncio.Event
    """Set when the provider saw the client go away before its reply was complete."""

    @property
    def model(self) -> Model:
        """The model; asked for after `script`."""
        ...

    async def script(self, *replies: Reply) -> None:
        """Say what the provider answers, to each request in turn."""
        ...

    async def asked(self) -> int:
        """Return how many requests arrived."""
        ...

    async def heard(self) -> str:
        """Return the last request that arrived, as text."""
        ...

    async def vanish(self) -> None:
        """Let nobody listen any more."""
        ...


class ModelContract:
    """The suite. Modes: `whole` asks without a listener for text, `streamed` with one."""

    gaps: frozenset[str] = frozenset()

    @pytest.fixture
    def bench(self) -> Bench:
        """Override: a fresh bench."""
        raise NotImplementedError

    @pytest.fixture(params=["whole", "streamed"])
    def streamed(self, request: pytest.FixtureRequest) -> bool:
        """Both ways to ask."""
        if request.param == "whole":
            self.needs("whole")
        return bool(request.param == "streamed")

    def needs(self, *names: str) -> None:
        """Skip what is declared as a gap."""
        for name in names:
            if name in self.gaps:
                pytest.skip(f"declared gap: {name}")

    async def test_text_comes_back_as_it_was_said(self, bench: Bench, streamed: bool) -> None:
        await bench.script(Say(text="The harbour is quiet today."))
        answer = await _ask(bench, streamed=streamed)
        assert answer.text == "The harbour is quiet today."
        assert (answer.calls, answer.finish) == ((), "stop")
        assert await bench.asked() == 1

    async def test_deltas_add_up_to_the_text(self, bench: Bench) -> None:
        text = "One two three, four five six — sieben, acht. Ende 🏁"
        await bench.script(Say(text=text))
        pieces: list[str] = []
        answer = await bench.model.call(_request(bench), pieces.append)
        assert "".join(pieces) == answer.text == text
        assert len(pieces) > 1

    async def test_without_a_listener_nothing_is_streamed_and_the_reply_is_the_same(
        self, bench: Bench
    ) -> None:
        self.needs("whole")
        await bench.script(Say(text="Same."))
        assert (await bench.model.call(_request(bench))).text == "Same."

    async def test_a_tool_call_and_its_result_make_a_round_trip(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("calls")
        await bench.script(
            Say(text="I look.", calls=(Ask("look", {"place": "harbour"}),)), Say(text="Two ships.")
        )
        first = await _ask(bench, streamed=streamed)
        (call,) = first.calls
        assert (call.name, call.args, call.raw) == ("look", {"place": "harbour"}, "")
        assert (first.text, first.finish) == ("I look.", "tools")
        second = await _ask(bench, *_after(first, "ship-a, ship-b"), streamed=streamed)
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
        first = await _ask(bench, streamed=streamed)
        assert [call.args["place"] for call in first.calls] == places
        assert len({call.id for call in first.calls}) == 3
        results = [Returned(c.id, c.name, f"at {c.args['place']}") for c in first.calls]
        history: list[Message] = [
            Said("Look around."),
            _answered(first),
            *results,
            Said("Be quick."),
        ]
        assert (await _ask(bench, *history, streamed=streamed)).text == "Seen."

    async def test_a_failed_tool_call_is_told_as_one(self, bench: Bench) -> None:
        self.needs("calls")
        await bench.script(Say(calls=(Ask("look", {"place": "moon"}),)), Say(text="A pity."))
        first = await _ask(bench, streamed=True)
        call = first.calls[0]
        failed = Returned(call.id, call.name, "no such place", error=True)
        history: list[Message] = [Said("Look around."), _answered(first), failed]
        assert (await _ask(bench, *history, streamed=True)).text == "A pity."
        if "heard" not in self.gaps:
            assert "no such place" in await bench.heard()

    async def test_arguments_that_are_no_object_are_kept_raw(self, bench: Bench) -> None:
        self.needs("calls", "raw")
        asks = (Ask("look", raw='{"place": "harb'), Ask("look", raw='["harbour"]'))
        await bench.script(Say(calls=asks), Say(text="Go on."))
        first = await _ask(bench, streamed=True)
        assert [call.raw for call in first.calls] == ['{"place": "harb', '["harbour"]']
        assert [call.args for call in first.calls] == [{}, {}]
        results = [Returned(c.id, c.name, "not JSON", error=True) for c in first.calls]
        history: list[Message] = [Said("Look around."), _answered(first), *results]
        assert (await _ask(bench, *history, streamed=True)).text == "Go on."

    async def test_usage_is_what_the_provider_counted(self, bench: Bench, streamed: bool) -> None:
        await bench.script(Say(text="Counted.", input=1203, output=41))
        usage = (await _ask(bench, streamed=streamed)).usage
        assert (usage.input, usage.output) == (1203, 41)

    async def test_cached_tokens_are_a_part_of_the_input(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("cached")
        await bench.script(Say(text="Counted.", input=1203, output=41, cached=1000))
        usage = (await _ask(bench, streamed=streamed)).usage
        assert (usage.input, usage.output, usage.cache_read) == (1203, 41, 1000)

    async def test_a_reply_that_nobody_counted_is_not_free(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("uncounted")
        await bench.script(Say(text="Nobody counted this.", counted=False))
        usage = (await _ask(bench, streamed=streamed)).usage
        assert usage.input > 0
        assert usage.output > 0

    @pytest.mark.parametrize("finish", ["length", "filtered"])
    async def test_why_a_reply_ended_is_told(
        self, bench: Bench, finish: str, streamed: bool
    ) -> None:
        self.needs(finish)
        await bench.script(Say(text="And so it", finish=finish))
        assert (await _ask(bench, streamed=streamed)).finish == finish

    async def test_too_many_requests_tell_how_long_to_wait(
        self, bench: Bench, streamed: bool
    ) -> None:
        await bench.script(Refuse(status=429, headers={"retry-after": "7"}))
        fault = await _fails(bench, RateLimited, streamed=streamed)
        assert fault.retryable
        assert await bench.asked() == 1
        if "wait" not in self.gaps:
            assert fault.retry_after == 7.0

    @pytest.mark.parametrize("status", [500, 503, 529])
    async def test_a_provider_that_fails_inside_is_overloaded_and_asked_once(
        self, bench: Bench, status: int, streamed: bool
    ) -> None:
        await bench.script(Refuse(status=status), Say(text="A second attempt was hidden."))
        fault = await _fails(bench, Overloaded, streamed=streamed)
        assert fault.retryable
        assert await bench.asked() == 1

    async def test_an_error_inside_a_stream_is_the_same_error(self, bench: Bench) -> None:
        self.needs("late")
        await bench.script(Refuse(status=429, late=True))
        await _fails(bench, RateLimited, streamed=True)
        await bench.script(Refuse(status=503, late=True))
        await _fails(bench, Overloaded, streamed=True)

    @pytest.mark.parametrize(
        ("status", "message", "kind"),
        [
            (401, "Who are you?", ModelAuth),
            (403, "Not for you.", ModelAuth),
            (400, "The field x is wrong.", ModelRejected),
            (404, "There is no such model.", ModelRejected),
            (400, "Input is too long: prompt is too long for the context window.", ContextTooLong),
        ],
    )
    async def test_a_refused_request_is_not_worth_a_retry(
        self, bench: Bench, status: int, message: str, kind: type[ModelFault]
    ) -> None:
        await bench.script(Refuse(status=status, message=message))
        fault = await _fails(bench, kind, streamed=True)
        assert not fault.retryable
        assert await bench.asked() == 1

    async def test_a_provider_that_does_not_answer_in_time_is_left(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("stall")
        bench.choice = msgspec.structs.replace(bench.choice, timeout_s=0.3)
        await bench.script(Stall())
        fault = await _fails(bench, ModelTimeout, streamed=streamed)
        assert fault.retryable
        if "cancel" not in self.gaps:
            await asyncio.wait_for(bench.left.wait(), SOON)

    async def test_a_stream_that_stops_moving_runs_out_of_time(self, bench: Bench) -> None:
        self.needs("stall", "cancel")
        bench.choice = msgspec.structs.replace(bench.choice, timeout_s=0.5)
        await bench.script(Stall(Say(text="It began, and then it went on, and then")))
        await _fails(bench, ModelTimeout, streamed=True)
        await asyncio.wait_for(bench.left.wait(), SOON)

    async def test_garbage_is_garbled(self, bench: Bench, streamed: bool) -> None:
        self.needs("garbage")
        await bench.script(Garbage())
        fault = await _fails(bench, ReplyGarbled, streamed=streamed)
        assert fault.retryable
        assert await bench.asked() == 1

    async def test_a_broken_connection_never_gives_half_a_reply(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("cut")
        await bench.script(Cut(Say(text="This sentence is not going to be whole, I fear.")))
        await _fails(bench, ReplyGarbled, streamed=streamed)
        assert await bench.asked() == 1

    async def test_a_stream_that_ends_before_its_reply_does_is_cut(self, bench: Bench) -> None:
        self.needs("cut", "polite")
        say = Say(text="This sentence is not going to be whole, I fear.")
        await bench.script(Cut(say, politely=True))
        await _fails(bench, ReplyGarbled, streamed=True)

    async def test_an_empty_reply_is_garbled(self, bench: Bench, streamed: bool) -> None:
        self.needs("empty")
        await bench.script(Say(text=""))
        await _fails(bench, ReplyGarbled, streamed=streamed)

    async def test_cancelling_ends_the_request(self, bench: Bench) -> None:
        self.needs("stall", "cancel")
        await bench.script(Stall(Say(text="It began, and then it went on, and then")))
        begun = asyncio.Event()
        task = asyncio.create_task(bench.model.call(_request(bench), lambda _: begun.set()))
        await asyncio.wait_for(begun.wait(), SOON)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(bench.left.wait(), SOON)

    async def test_no_key_is_in_an_error(self, bench: Bench) -> None:
        self.needs("keys")
        echo = f"The key {bench.secret} (Bearer {bench.secret}) is not known here."
        for status in (401, 500):
            await bench.script(Refuse(status=status, message=echo))
            fault = await _fails(bench, ModelFault, streamed=True)
            told = f"{fault} {fault!r} {fault.message} {fault.todo} {fault.details}"
            assert bench.secret not in told
            assert fault.__cause__ is None
            assert fault.__context__ is None

    async def test_nobody_at_the_address_is_unreachable(self, bench: Bench, streamed: bool) -> None:
        self.needs("gone")
        await bench.script(Say(text="Nobody hears this."))
        await bench.vanish()
        fault = await _fails(bench, ModelUnreachable, streamed=streamed)
        assert fault.retryable

    async def test_thoughts_go_back_to_their_maker_and_to_nobody_else(
        self, bench: Bench, streamed: bool
    ) -> None:
        self.needs("thoughts", "calls", "heard")
        think = Think("I should look at the harbour.", "c2lnbmF0dXJlLTEyMw==")
        say = Say(text="I look.", think=think, calls=(Ask("look", {"place": "harbour"}),))
        await bench.script(say, Say(text="Two ships."), Say(text="Two ships."))
        first = await _ask(bench, streamed=streamed)
        assert any("I should look" in str(thought.data) for thought in first.thoughts)
        kept = msgspec.json.decode(msgspec.json.encode(first.thoughts), type=tuple[Thought, ...])
        assert kept == first.thoughts
        await _ask(bench, *_after(first, "ships"), streamed=streamed)
        assert think.signature in await bench.heard()
        others = tuple(Thought("somebody-else", thought.data) for thought in first.thoughts)
        stranger = msgspec.structs.replace(first, thoughts=others)
        await _ask(bench, *_after(stranger, "ships"), streamed=streamed)
        assert think.signature not in await bench.heard()
        assert think.text not in await bench.heard()

    async def test_an_output_schema_does_not_stand_in_the_way(self, bench: Bench) -> None:
        text = '{"ships": 2}'
        await bench.script(Say(text=text))
        schema = {
            "type": "object",
            "properties": {"ships": {"type": "integer"}},
            "required": ["ships"],
            "additionalProperties": False,
        }
        request = msgspec.structs.replace(_request(bench), output=schema)
        assert (await bench.model.call(request)).text == text

    async def test_closing_twice_is_closing_once(self, bench: Bench) -> None:
        await bench.script(Say(text="Bye."))
        await _ask(bench, streamed=False)
        await bench.model.close()
        await bench.model.close()


def _request(bench: Bench, *messages: Message) -> Request:
    return Request(
        choice=bench.choice,
        system="You keep watch over a small harbour.",
        messages=list(messages) or [Said("Look around.")],
        tools=[TOOL],
        effect="run_1/3/m1",
    )


async def _ask(bench: Bench, *messages: Message, streamed: bool) -> Answer:
    pieces: list[str] = []
    answer = await bench.model.call(_request(bench, *messages), pieces.append if streamed else None)
    assert not streamed or "".join(pieces) == answer.text
    return answer


async def _fails(bench: Bench, kind: type[ModelFault], *, streamed: bool) -> ModelFault:
    with pytest.raises(kind) as caught:
        await _ask(bench, streamed=streamed)
    assert isinstance(caught.value, ModelFault)
    return caught.value


def _answered(answer: Answer) -> Answered:
    return Answered(answer.text, answer.calls, answer.thoughts)


def _after(answer: Answer, result: str) -> Sequence[Message]:
    call = answer.calls[0]
    return [Said("Look around."), _answered(answer), Returned(call.id, call.name, result)]
