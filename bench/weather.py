"""The agent of all benches: one tool, a model that answers at once, limits and a budget that bind.

The model costs something by its price, and the day's budget is set, so every call's money is really
held in the store before it and settled after it. The gate asks all policies, as always.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench import ruler
from folkmoot.app import App, tune
from folkmoot.config import load
from folkmoot.core.agent import Agent, Budget, Limits, ModelChoice, ToolUse
from folkmoot.core.messages import ToolCall
from folkmoot.core.run import RunState
from folkmoot.core.spend import Price, Usage
from folkmoot.core.task import Task
from folkmoot.flow.desk import FlowDesk
from folkmoot.ports.model import Answer, Request
from folkmoot.tools.functions import FunctionTool, tool

Script = Callable[[Request], Answer | Awaitable[Answer]]

_USED = Usage(input=100, output=20)


@tool(effect="pure", needs=("weather:read:{place}",), ordinary=True)
async def weather(place: str) -> str:
    """Tell the weather of a place."""
    return f"{place}: 21 degrees, clear."


def react3(request: Request) -> Answer:
    """Ask for the tool, then answer."""
    if len(request.messages) == 1:
        call = ToolCall("call_1", "weather", {"place": ruler.PLACE})
        return Answer(calls=(call,), usage=_USED, finish="tools", model="react3")
    return Answer(text=ruler.ANSWER, usage=_USED, model="react3")


def agent(**changes: Any) -> Agent:
    """Return the agent, with some fields otherwise."""
    given: dict[str, Any] = {
        "name": "weather",
        "instructions": "Answer questions about the weather. Look before you answer.",
        "model": ModelChoice(
            provider="scripted", name="react3", price=Price(input=3_000, output=15_000)
        ),
        "tools": (ToolUse("weather"),),
        "limits": Limits(iterations=10, tokens=100_000, usd=1.0, seconds=3600.0),
        "budget": Budget(usd_per_day=1_000_000.0),
    }
    return Agent(**{**given, **changes})


@asynccontextmanager
async def running(
    folder: Path,
    agent_: Agent,
    script: Script = react3,
    *,
    concurrency: int = ruler.AT_A_TIME,
    look: FunctionTool[..., Any] = weather,
    store: str = "",
) -> AsyncIterator[FlowDesk]:
    """Run Folkmoot in this process, as `folkmoot up` does, on a new SQLite file with synchronous=FULL.

    Or on the store that a URL names, whose schema is there.
    """
    settings = load(
        store=store or f"sqlite:///{folder / 'folkmoot.db'}",
        workspaces=folder / "workspaces",
        agents=folder / "agents",
        concurrency=concurrency,
        synchronous="full",
        log_level="warning",
    )
    app = App(settings, agents=(agent_,), env={})
    app.models.script(agent_.model.name, script)
    app.toolbox.add(look)
    tune()
    async with app.running() as desk:
        yield desk


def task() -> Task:
    """Return the question."""
    return Task(agent="weather", input=ruler.QUESTION)


async def ask(desk: FlowDesk) -> None:
    """Ask once, wait for the end, and look at the answer."""
    born = await desk.submit(task())
    ended = await desk.finished(born.run.id)
    if ended.state is not RunState.SUCCEEDED or ended.output != ruler.ANSWER:
        raise RuntimeError(f"{ended.id} ended as {ended.state}: {ended.output or ended.error}")
