"""react3 on LangGraph over PostgreSQL: the fastest graph of langgraph.py, with AsyncPostgresSaver.

Run from the repository root: `.venv-bench/bin/python -m bench.rivals.langgraph_postgres --url … --runs 1000`.

The saver serialises its calls under a lock of its own. `--savers N` gives N savers a connection each and
the runs in turn to them; `--pool N` gives one saver a pool, as LangGraph's pages do.
"""

import itertools
from contextlib import AsyncExitStack
from typing import Any

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from bench import postgres, ruler
from bench.rivals import langgraph

_LIKE_FROM_CONN_STRING = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}


async def savers(stack: AsyncExitStack, url: str, many: int, pool: int) -> list[AsyncPostgresSaver]:
    """Open what the runs are kept by."""
    if pool:
        shared: Any = AsyncConnectionPool(
            url, min_size=pool, max_size=pool, open=False, kwargs=_LIKE_FROM_CONN_STRING
        )
        await stack.enter_async_context(shared)
        return [AsyncPostgresSaver(shared)]
    opened = [AsyncPostgresSaver.from_conn_string(url) for _ in range(many)]
    return [await stack.enter_async_context(one) for one in opened]


async def measure(url: str, runs: int, many: int, pool: int) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        opened = await savers(stack, url, many, pool)
        await opened[0].setup()
        built = itertools.cycle([langgraph.build("plain", saver) for saver in opened])
        threads = itertools.count()

        async def once() -> None:
            graph, said = next(built)
            config = {"configurable": {"thread_id": f"run-{next(threads)}"}}
            done = await graph.ainvoke(said, config, durability="sync")
            if done["messages"][-1]["content"] != ruler.ANSWER:
                raise RuntimeError(f"the run ended with {done['messages'][-1]!r}")

        await ruler.closed_loop(once, ruler.WARM_UP)
        ruler.quiet_gc()
        laps = await ruler.closed_loop(once, runs)
        return ruler.figures(laps) | postgres.share(url, runs)


def main() -> None:
    parser = ruler.runs_wanted("react3 on LangGraph over PostgreSQL", default=1000)
    parser.add_argument(
        "--url", required=True, help="a new database; it is given LangGraph's schema"
    )
    parser.add_argument("--savers", type=int, default=1)
    parser.add_argument("--pool", type=int, default=0)
    given = parser.parse_args()
    ruler.tell(ruler.on_a_loop(measure(given.url, given.runs, given.savers, given.pool)))


if __name__ == "__main__":
    main()
