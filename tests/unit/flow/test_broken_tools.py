"""Tools are foreign code: whatever comes out of one is the news of its call, and of nothing else."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from folkmoot.core.agent import ToolUse
from folkmoot.core.entries import ToolReturned
from folkmoot.core.errors import Invalid
from folkmoot.core.run import RunState
from folkmoot.ports.tool import ToolResult
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.probe import Probe
from folkmoot.testing.replies import calls, says, turns
from folkmoot.tools.functions import tool


class Panic(BaseException):
    """As libraries in Rust raise it."""


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError


async def outcome(act: Callable[[Any], Any]) -> ToolReturned:
    """Return what became of a call; the run must go on after it."""
    declared = agent(tools=(ToolUse("look"),))
    async with Harness(
        declared, replies=turns(calls("look"), says("ok")), tools=[Probe(act=act)]
    ) as moot:
        run = await asyncio.wait_for(moot.ask("Go."), 5)
        bodies = await moot.journal(run.id)
    assert run.state is RunState.SUCCEEDED
    assert not moot.reports
    return next(body for body in bodies if isinstance(body, ToolReturned))


@pytest.mark.parametrize(
    "fault", [SystemExit(3), Panic("index"), asyncio.CancelledError(), GeneratorExit(), Mute()]
)
async def test_what_is_no_ordinary_exception_ends_neither_worker_nor_run(
    fault: BaseException,
) -> None:
    def act(args):
        raise fault

    returned = await outcome(act)
    assert returned.error == "TOOL_BROKEN"
    assert type(fault).__name__ in returned.text


async def test_a_sync_function_that_exits_ends_its_call_only() -> None:
    @tool(name="look", effect="pure")
    def leave() -> str:
        raise SystemExit(3)

    declared = agent(tools=(ToolUse("look"),))
    async with Harness(declared, replies=turns(calls("look"), says("ok")), tools=[leave]) as moot:
        run = await asyncio.wait_for(moot.ask("Go."), 5)
        bodies = await moot.journal(run.id)
    assert run.state is RunState.SUCCEEDED
    assert "SystemExit: 3" in bodies[3].text


async def test_a_time_out_of_the_tools_own_is_not_told_as_ours() -> None:
    def act(args):
        raise TimeoutError("the database is slow")

    returned = await outcome(act)
    assert returned.error == "TOOL_BROKEN"
    assert "the database is slow" in returned.text


class Passage(str):
    """Text as parsers of HTML give it."""

    __slots__ = ()


@pytest.mark.parametrize("result", [ToolResult(Passage("hi")), ToolResult("hi", Passage(""))])
async def test_text_of_a_class_of_its_own_is_text(result: ToolResult) -> None:
    returned = await outcome(lambda args: result)
    assert (returned.text, returned.error) == ("hi", "")


@pytest.mark.parametrize("result", [ToolResult("x", None), ToolResult({"a": 1}), ToolResult(None)])
async def test_a_result_that_is_no_text_is_told_and_not_written(result: Any) -> None:
    returned = await outcome(lambda args: result)
    assert returned.error == "TOOL_FAULT"
    assert "did its work" in returned.text


async def test_a_tool_that_cannot_say_what_it_needs_is_not_called() -> None:
    class Unsure(Probe):
        def needs(self, args):
            raise Invalid("The resource is empty.")

    await not_called(Unsure())


async def test_a_schema_that_is_none_keeps_the_tool_from_being_called() -> None:
    odd = Probe()
    odd.spec = msgspec.structs.replace(odd.spec, schema={"type": "bogus"})
    await not_called(odd)


async def not_called(odd: Probe) -> None:
    declared = agent(tools=(ToolUse("look"),))
    async with Harness(declared, replies=turns(calls("look"), says("ok")), tools=[odd]) as moot:
        run = await asyncio.wait_for(moot.ask("Go."), 5)
        bodies = await moot.journal(run.id)
    assert run.state is RunState.SUCCEEDED
    assert bodies[3].error == "TOOL_BROKEN"
    assert not odd.calls
