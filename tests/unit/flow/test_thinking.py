"""The loop program: structured output and the context window."""

import json

import pytest

from folkmoot.core.agent import Context, Limits, Output, ToolUse
from folkmoot.core.errors import ContextTooLong
from folkmoot.core.messages import Answered, Returned, Said, Thought, ToolCall
from folkmoot.core.run import RunState
from folkmoot.core.spend import Usage
from folkmoot.ports.model import Answer
from folkmoot.programs.loop import SUMMARY
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.probe import Probe
from folkmoot.testing.replies import calls, says, turns

LOOK = (ToolUse("look"),)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


async def test_an_answer_that_fits_is_kept_as_data() -> None:
    declared = agent(output=Output(schema=SCHEMA))
    async with Harness(declared, replies=turns(says('```json\n{"n": 4}\n```'))) as moot:
        run = await moot.ask("How many?")
        ended = (await moot.journal(run.id))[-1]
    assert ended.data == {"n": 4}


async def test_an_answer_that_does_not_fit_goes_back_with_the_reason() -> None:
    shown = []

    def reply(request):
        shown.append(request.messages[-1])
        return turns(says("four"), says('{"n": "four"}'), says('{"n": 4}'))(request)

    declared = agent(output=Output(schema=SCHEMA, retries=2))
    async with Harness(declared, replies=reply) as moot:
        run = await moot.ask("How many?")
    assert run.state is RunState.SUCCEEDED
    assert "not JSON" in shown[1].text
    assert "n:" in shown[2].text


@pytest.mark.parametrize(
    "text",
    ['{"n": "\\ud83c"}', '{"n": NaN}', '{"n": -Infinity}', '{"n": 1e999}', "[" * 100_000],
    ids=["half", "nan", "infinite", "too large", "too deep"],
)
async def test_an_answer_that_no_journal_can_hold_goes_back(text: str) -> None:
    declared = agent(output=Output(schema={}, retries=1))
    async with Harness(declared, replies=turns(says(text), says('{"n": 4}'))) as moot:
        run = await moot.ask("How many?")
    assert run.output == '{"n": 4}'
    assert not moot.reports


@pytest.mark.parametrize(
    "call",
    [
        ToolCall("c\ud83c", "look"),
        ToolCall("c", "lo\ud83cok"),
        ToolCall("c", "look", {"a\ud83c": ["\ud83c"]}),
        ToolCall("c", "look", raw="{\ud83c"),
    ],
    ids=["id", "name", "args", "raw"],
)
async def test_half_a_character_in_a_call_does_not_end_the_run(call: ToolCall) -> None:
    thought = Thought("maker", {"content": "\ud83c"})
    asked = Answer(calls=(call,), thoughts=(thought,), finish="tools")
    async with Harness(
        agent(tools=LOOK), replies=turns(asked, says("Done.")), tools=[Probe()]
    ) as moot:
        run = await moot.ask("Look.")
    assert run.output == "Done."


async def test_a_long_answer_that_does_not_fit_is_not_told_back_whole() -> None:
    shown = []

    def reply(request):
        shown.append(request.messages[-1].text)
        return turns(says('{"n": "' + "x" * 100_000 + '"}'), says('{"n": 4}'))(request)

    async with Harness(agent(output=Output(schema=SCHEMA)), replies=reply) as moot:
        await moot.ask("How many?")
    assert "not of type" in shown[1]
    assert len(shown[1]) < 1000


@pytest.mark.parametrize(("finish", "told"), [("length", "max_tokens"), ("filtered", "filter")])
async def test_a_reply_without_a_word_is_no_success(finish: str, told: str) -> None:
    empty = Answer(text="", usage=Usage(20, 10), finish=finish)
    async with Harness(agent(), replies=turns(empty)) as moot:
        run = await moot.ask("Hello")
    assert run.error.startswith("REPLY_EMPTY")
    assert told in run.error
    assert run.spend.output == 10


async def test_a_model_is_told_that_its_answer_was_cut_off() -> None:
    shown = []

    def reply(request):
        shown.append(request.messages[-1].text)
        cut = Answer(text='{"n": 4', usage=Usage(20, 10), finish="length")
        return turns(cut, says('{"n": 4}'))(request)

    async with Harness(agent(output=Output(schema=SCHEMA)), replies=reply) as moot:
        await moot.ask("How many?")
    assert "cut off" in shown[1]


async def test_an_empty_summary_hides_no_messages() -> None:
    inner, empty = talking(30), [Answer(text=" ", finish="length")]

    def reply(request):
        summary = request.messages[-1] == Said(SUMMARY, "context policy")
        return empty.pop() if summary and empty else inner(request)

    probe = Probe(act=lambda args: "x" * 1000)
    async with Harness(wordy("summarise"), replies=reply, tools=[probe]) as moot:
        run = await moot.submit("THE TASK")
        await moot.clock.asleep()
        moot.clock.advance(1)
        run = await moot.settled(run.id)
        kinds = await moot.kinds(run.id)
    assert run.output.startswith("Done")
    assert kinds.count("model.failed") == 1


async def test_answers_that_never_fit_fail_the_run() -> None:
    declared = agent(output=Output(schema=SCHEMA, retries=1))
    async with Harness(declared, replies=turns(says("four"))) as moot:
        run = await moot.ask("How many?")
    assert run.error.startswith("INVALID_OUTPUT")


def talking(times: int):
    def reply(request):
        if request.messages[-1] == Said(SUMMARY, "context policy"):
            return says("We looked a lot.")
        looked = sum(isinstance(m, Answered) for m in request.messages)
        sizes.append(sum(len(getattr(m, "text", "")) for m in request.messages))
        orders.append([type(m) for m in request.messages])
        reply.asked += 1
        return calls("look") if reply.asked < times else says(f"Done after {looked}.")

    sizes: list[int] = []
    orders: list[list[type]] = []
    reply.asked, reply.sizes, reply.orders = 0, sizes, orders
    return reply


def wordy(policy: str):
    return agent(
        tools=LOOK,
        limits=Limits(iterations=100),
        context=Context(policy=policy, max_tokens=2000, keep_messages=4),
    )


async def test_the_oldest_messages_are_dropped_and_the_task_stays() -> None:
    reply = talking(30)
    probe = Probe(act=lambda args: "x" * 1000)
    async with Harness(wordy("drop"), replies=reply, tools=[probe]) as moot:
        run = await moot.ask("THE TASK")
        kinds = await moot.kinds(run.id)
    assert run.state is RunState.SUCCEEDED
    assert "context.dropped" in kinds
    assert max(reply.sizes) < 12_000
    for order in reply.orders:
        assert order[0] is Said
        assert len(order) == 1 or order[1] is not Returned


async def test_the_oldest_messages_are_summarised_and_the_summary_is_shown() -> None:
    shown = []
    inner = talking(30)

    def reply(request):
        shown.append(json.dumps([getattr(m, "text", "") for m in request.messages]))
        return inner(request)

    probe = Probe(act=lambda args: "x" * 1000)
    async with Harness(wordy("summarise"), replies=reply, tools=[probe]) as moot:
        run = await moot.ask("THE TASK")
    assert run.state is RunState.SUCCEEDED
    assert any("We looked a lot." in text for text in shown)
    assert all("THE TASK" in text for text in shown)
    assert max(inner.sizes) < 12_000


@pytest.mark.parametrize("policy", ["drop", "summarise"])
async def test_a_model_that_finds_it_too_long_is_asked_again_with_less(policy: str) -> None:
    inner = talking(6)

    def reply(request):
        if request.tools and len(request.messages) > 6:
            raise ContextTooLong
        return inner(request)

    declared = agent(tools=LOOK, context=Context(policy=policy, keep_messages=2))
    async with Harness(declared, replies=reply, tools=[Probe()]) as moot:
        run = await moot.ask("THE TASK")
        kinds = await moot.kinds(run.id)
    assert run.output.startswith("Done")
    assert "model.failed" in kinds


@pytest.mark.parametrize("policy", ["drop", "summarise"])
async def test_what_is_too_long_and_cannot_be_less_ends_the_run(policy: str) -> None:
    declared = agent(context=Context(policy=policy, keep_messages=2))
    async with Harness(declared, replies=turns(ContextTooLong())) as moot:
        run = await moot.ask("THE TASK")
    assert run.error.startswith("CONTEXT_TOO_LONG")
