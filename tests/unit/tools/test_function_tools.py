import asyncio
import enum
import threading
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import msgspec
import pytest
from pydantic import BaseModel, Field

import folkmoot
from folkmoot.core.effects import Effect
from folkmoot.core.errors import Invalid, ToolFault
from folkmoot.core.grants import Grant
from folkmoot.core.verdict import Need
from folkmoot.ports.tool import ToolContext, ToolResult
from folkmoot.testing.contracts.tool import ToolContract, context_in
from folkmoot.tools.functions import tool


@tool(effect="pure")
def weather(city: str, days: int = 1) -> str:
    """Tell the weather.

    It is always the same.

    Args:
        city: Where.
            Any spelling does.
        days (int): How far ahead.

    Returns:
        One line.

    Raises:
        OSError: Never.
    """
    return f"{city}: rain for {days} days"


sent: dict[str, str] = {}


def sent_already(to: str, text: str, context: ToolContext) -> str | None:
    return sent.get(context.effect)


@tool(effect=Effect.RECONCILABLE, needs=("mail:send:{to}",), reconcile=sent_already, timeout_s=5)
async def send_mail(to: str, text: str, context: ToolContext) -> str:
    """Send a mail."""
    sent[context.effect] = f"sent to {to}"
    return sent[context.effect]


class TestSyncFunction(ToolContract):
    @pytest.fixture
    def tool(self):
        return weather

    @pytest.fixture
    def args(self):
        return {"city": "York"}


class TestAsyncFunction(ToolContract):
    @pytest.fixture(autouse=True)
    def nothing_sent(self):
        sent.clear()

    @pytest.fixture
    def tool(self):
        return send_mail

    @pytest.fixture
    def args(self):
        return {"to": "a@example.com", "text": "Good day"}


@pytest.fixture
def context(tmp_path):
    return context_in(tmp_path)


def test_the_decorated_function_is_still_a_function():
    assert weather("York", days=2) == "York: rain for 2 days"
    assert weather.__name__ == "weather"
    assert folkmoot.tool is tool


def test_name_description_and_arguments_come_from_the_function():
    assert weather.spec.name == "weather"
    assert weather.spec.description == (
        "Tell the weather.\n\nIt is always the same.\n\nReturns: One line."
    )
    assert weather.spec.schema == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where. Any spelling does."},
            "days": {"type": "integer", "default": 1, "description": "How far ahead."},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_an_unstated_effect_is_once():
    @tool
    def act() -> str:
        return ""

    assert act.spec.effect is Effect.ONCE
    assert tool()(act.function).spec.effect is Effect.ONCE


def test_the_context_is_not_shown_to_the_model():
    assert set(send_mail.spec.schema["properties"]) == {"to", "text"}


def test_argument_names_that_mean_something_elsewhere_are_kept():
    @tool
    def odd(schema: str, json: int, model_config: str, copy: bool = False) -> str:
        return schema

    assert list(odd.spec.schema["properties"]) == ["schema", "json", "model_config", "copy"]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    x: int
    y: int = 0


@dataclass
class Span:
    first: date
    last: date


class Pair(msgspec.Struct):
    left: int
    right: int


@tool(effect="pure")
async def rich(  # noqa: PLR0917 - all kinds of types
    colour: Colour,
    point: Point,
    span: Span,
    size: Annotated[int, Field(ge=1, le=9, description="How big.")],
    mode: Literal["fast", "slow"] = "fast",
    tags: list[str] | None = None,
) -> dict:
    return {"colour": colour, "x": point.x, "days": (span.last - span.first).days, "tags": tags}


RICH = {
    "colour": "blue",
    "point": {"x": 3},
    "span": {"first": "2026-01-01", "last": "2026-01-31"},
    "size": 2,
}


async def test_arguments_arrive_as_the_types_want_them(context):
    result = await rich.call(RICH, context)
    assert msgspec.json.decode(result.text) == {"colour": "blue", "x": 3, "days": 30, "tags": None}


def test_constraints_and_descriptions_of_types_are_in_the_schema():
    size = rich.spec.schema["properties"]["size"]
    assert size == {"type": "integer", "minimum": 1, "maximum": 9, "description": "How big."}
    assert "title" not in str(rich.spec.schema)


async def test_arguments_that_slip_through_the_schema_are_told_and_not_run(context):
    result = await rich.call({**RICH, "span": {"first": "soon", "last": "2026-01-31"}}, context)
    assert result.error == "INVALID_ARGS"
    assert "span" in result.text
    assert "soon" not in result.text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        ([1, 2], "[1,2]"),
        (Point(x=1), '{"x":1,"y":0}'),
        ({"points": [Point(x=1)]}, '{"points":[{"x":1,"y":0}]}'),
        (Span(date(2026, 1, 1), date(2026, 1, 2)), '{"first":"2026-01-01","last":"2026-01-02"}'),
        (Pair(1, 2), '{"left":1,"right":2}'),
        (Colour.RED, '"red"'),
    ],
)
async def test_results_that_are_not_text_become_json(context, value, text):
    @tool
    async def give():
        return value

    assert (await give.call({}, context)) == ToolResult(text)


async def test_a_tool_result_passes_as_it_is(context):
    @tool
    async def give() -> ToolResult:
        return ToolResult("no such city", "NOT_FOUND")

    assert (await give.call({}, context)).error == "NOT_FOUND"


async def test_a_result_that_json_does_not_know_is_said_to_be_done_all_the_same(context):
    @tool
    async def give() -> object:
        return object()

    with pytest.raises(ToolFault, match="did its work"):
        await give.call({}, context)


async def test_what_a_function_raises_reaches_the_caller(context):
    @tool
    def fail() -> str:
        raise LookupError("gone")

    @tool
    def stop() -> str:
        raise StopIteration

    with pytest.raises(LookupError, match="gone"):
        await fail.call({}, context)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await stop.call({}, context)


async def test_a_sync_function_runs_beside_the_event_loop(context):
    here = threading.get_ident()

    @tool
    def where() -> int:
        return threading.get_ident()

    assert int((await where.call({}, context)).text) != here


async def test_sync_functions_that_hang_do_not_keep_others_waiting(context):
    release = threading.Event()

    @tool
    def hang() -> str:
        release.wait(20)
        return "late"

    hanging = [asyncio.create_task(hang.call({}, context)) for _ in range(40)]
    await asyncio.sleep(0)
    try:
        assert (await weather.call({"city": "York"}, context)).error == ""
        for call in hanging[:20]:
            call.cancel()
    finally:
        release.set()
    outcomes = await asyncio.gather(*hanging, return_exceptions=True)
    assert sum(isinstance(one, asyncio.CancelledError) for one in outcomes) == 20
    assert sum(one == ToolResult("late") for one in outcomes if isinstance(one, ToolResult)) == 20


async def test_reconcile_gets_the_same_arguments_and_the_context(context):
    sent.clear()
    args = {"to": "a@example.com", "text": "x"}
    assert await send_mail.reconcile(args, context) is None
    sent[context.effect] = "it went out"
    assert await send_mail.reconcile(args, context) == ToolResult("it went out")


def test_needs_are_filled_from_the_arguments_and_the_defaults():
    @tool(needs=("pages:write:{space}/{page}",), ordinary=True)
    async def write(page: str, space: str = "home") -> str:
        return page

    assert write.needs({"page": "a"}) == (Need(Grant("pages", "write", "home/a"), ordinary=True),)


def test_reconcile_belongs_to_reconcilable_and_takes_the_same_arguments():
    def other(name: str) -> str | None:
        return name

    with pytest.raises(Invalid, match="exactly when"):
        tool(effect="reconcilable")
    with pytest.raises(Invalid, match="exactly when"):
        tool(effect="once", reconcile=other)
    with pytest.raises(Invalid, match="other arguments"):

        @tool(effect="reconcilable", reconcile=other)
        def act(title: str) -> str:
            return title


def test_mistakes_in_a_declaration_are_told_where_they_are_made():
    with pytest.raises(Invalid, match="pure, idempotent, reconcilable or once"):
        tool(effect="harmless")
    with pytest.raises(Invalid, match="are a list"):
        tool(needs="mail:send")
    with pytest.raises(Invalid, match="not an argument"):

        @tool(needs=("mail:send:{whom}",))
        def send(to: str) -> str:
            return to

    with pytest.raises(Invalid, match="not a name"):
        tool(name="send mail")(weather.function)


def test_a_function_that_a_model_cannot_call_is_refused():
    with pytest.raises(Invalid, match="has no type"):

        @tool
        def untyped(x):
            return x

    with pytest.raises(Invalid, match="no name for a model"):

        @tool
        def many(*names: str) -> str:
            return ""

    with pytest.raises(Invalid, match="no JSON Schema"):

        @tool
        def call(back: threading.Event) -> str:
            return ""


def test_a_type_that_cannot_be_found_is_named():
    def late(x: "NotHere") -> str:  # noqa: F821 - that is the point
        return ""

    with pytest.raises(Invalid, match="NotHere"):
        tool(late)
