"""react3 on LangGraph: a StateGraph with AsyncSqliteSaver and durability="sync".

Run from the repository root: `.venv-bench/bin/python -m bench.rivals.langgraph --runs 1000`.

What was chosen, and why it is LangGraph's best:

* AsyncSqliteSaver itself sets journal_mode=WAL; SQLite's own default for synchronous is FULL. Both
  are set here again, so that a differently built SQLite cannot change what is compared, and the
  log is checkpointed as seldom as ours.
* `--graph plain` (the default) keeps messages as dicts under `operator.add`. It is the fastest graph
  that still carries the conversation; `messages` is the one of the tutorials (MessagesState and
  message objects), `prebuilt` is create_react_agent with its ToolNode.
* All graphs share one saver and one connection: the saver serialises its writes under a lock, and
  SQLite has one writer anyway.
* Tracing is off, the collector is tuned, and the nodes are coroutines, so no thread pool is used.
"""

import operator
import os
import warnings
from typing import Annotated, Any, TypedDict

os.environ["LANGSMITH_TRACING"] = "false"

import aiosqlite
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph

from bench import ruler

CALL = {"id": "call_1", "name": "weather", "args": {"place": ruler.PLACE}}


class Plain(TypedDict):
    messages: Annotated[list[dict[str, Any]], operator.add]


async def plain_model(state: Plain) -> dict[str, Any]:
    if len(state["messages"]) == 1:
        return {"messages": [{"role": "assistant", "content": "", "tool_calls": [CALL]}]}
    return {"messages": [{"role": "assistant", "content": ruler.ANSWER}]}


async def plain_tool(state: Plain) -> dict[str, Any]:
    call = state["messages"][-1]["tool_calls"][0]
    found = {"role": "tool", "tool_call_id": call["id"], "content": look(call["args"]["place"])}
    return {"messages": [found]}


def plain_route(state: Plain) -> str:
    return "tool" if state["messages"][-1].get("tool_calls") else END


async def object_model(state: MessagesState) -> dict[str, Any]:
    return {"messages": [answer(len(state["messages"]))]}


async def object_tool(state: MessagesState) -> dict[str, Any]:
    call = state["messages"][-1].tool_calls[0]
    return {"messages": [ToolMessage(look(call["args"]["place"]), tool_call_id=call["id"])]}


def object_route(state: MessagesState) -> str:
    return "tool" if state["messages"][-1].tool_calls else END


def answer(messages: int) -> AIMessage:
    return AIMessage("", tool_calls=[CALL]) if messages == 1 else AIMessage(ruler.ANSWER)


def look(place: str) -> str:
    return f"{place}: 21 degrees, clear."


class Instant(BaseChatModel):
    """A chat model that answers at once."""

    @property
    def _llm_type(self) -> str:
        return "instant"

    def bind_tools(self, *_: Any, **__: Any) -> "Instant":
        return self

    def _generate(self, messages: list[Any], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=answer(len(messages)))])

    async def _agenerate(self, messages: list[Any], *_: Any, **__: Any) -> ChatResult:
        return self._generate(messages)


@tool
async def weather(place: str) -> str:
    """Tell the weather of a place."""
    return look(place)


def build(kind: str, saver: AsyncSqliteSaver) -> tuple[Any, dict[str, Any]]:
    """Return a graph and its input."""
    said = {"messages": [HumanMessage(ruler.QUESTION)]}
    if kind == "prebuilt":
        from langgraph.prebuilt import create_react_agent  # noqa: PLC0415 - slow, seldom used

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return create_react_agent(Instant(), [weather], checkpointer=saver), said
    if kind == "messages":
        return wire(MessagesState, (object_model, object_tool, object_route), saver), said
    plain = {"messages": [{"role": "user", "content": ruler.QUESTION}]}
    return wire(Plain, (plain_model, plain_tool, plain_route), saver), plain


def wire(state: type, nodes: tuple[Any, Any, Any], saver: AsyncSqliteSaver) -> Any:
    """Return the loop: model, then the tool and the model again, or the end."""
    model, tool_node, route = nodes
    graph = StateGraph(state)
    graph.add_node("model", model)
    graph.add_node("tool", tool_node)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", route, ["tool", END])
    graph.add_edge("tool", "model")
    return graph.compile(checkpointer=saver)


async def measure(runs: int, kind: str) -> dict[str, float]:
    with ruler.scratch() as folder:
        async with aiosqlite.connect(folder / "langgraph.db") as db:
            saver = AsyncSqliteSaver(db)
            await saver.setup()
            await db.execute("PRAGMA journal_mode = WAL")
            await db.execute("PRAGMA synchronous = FULL")
            await db.execute("PRAGMA wal_autocheckpoint = 4000")
            graph, said = build(kind, saver)
            threads = iter(range(10**9))

            async def once() -> None:
                config = {"configurable": {"thread_id": f"run-{next(threads)}"}}
                done = await graph.ainvoke(said, config, durability="sync")
                last = done["messages"][-1]
                text = last["content"] if isinstance(last, dict) else last.content
                if text != ruler.ANSWER:
                    raise RuntimeError(f"the run ended with {text!r}")

            await ruler.closed_loop(once, ruler.WARM_UP)
            ruler.quiet_gc()
            return ruler.figures(await ruler.closed_loop(once, runs))


def main() -> None:
    parser = ruler.runs_wanted("react3 on LangGraph", default=1000)
    parser.add_argument("--graph", choices=["plain", "messages", "prebuilt"], default="plain")
    given = parser.parse_args()
    ruler.tell(ruler.on_a_loop(measure(given.runs, given.graph)))


if __name__ == "__main__":
    main()
