"""react3 on DBOS: a workflow with three steps, its system database in SQLite.

Run from the repository root: `.venv-bench/bin/python -m bench.rivals.dbos --runs 1000`.

What was chosen, and why:

* Coroutines on one event loop, as in the two other programs: a model call waits on the network.
  `--style threads` gives each run a thread of its own. Where nothing ever waits that is faster, as
  `python -m bench rivals` shows; but it is another program than the others run, and with one
  connection the thread that has it keeps it: few runs go on, the rest starve (see its p50 and p99).
* DBOS leaves SQLite's journal at DELETE, which costs several syncs a commit. The file is made with
  journal_mode=WAL beforehand (the mode stays in the file), and synchronous is FULL on every
  connection; the log is checkpointed as seldom as ours. `--journal delete` measures it as it comes.
* Two connections: SQLite has one writer, and with more of them they wait for each other in SQLite's
  busy handler, which sleeps. `--pool 20` is DBOS's own default.
* The workflow is called, not queued: no polling for its end.
"""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy
from dbos import DBOS
from sqlalchemy import event

from bench import postgres, ruler

CALL = {"id": "call_1", "name": "weather", "args": {"place": ruler.PLACE}}


def reply(messages: list[dict[str, Any]]) -> dict[str, Any]:
    if len(messages) == 1:
        return {"role": "assistant", "content": "", "tool_calls": [CALL]}
    return {"role": "assistant", "content": ruler.ANSWER}


def look(call: dict[str, Any]) -> dict[str, Any]:
    place = call["args"]["place"]
    return {"role": "tool", "tool_call_id": call["id"], "content": f"{place}: 21 degrees, clear."}


@DBOS.step()
def model(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return reply(messages)


@DBOS.step()
def tool(call: dict[str, Any]) -> dict[str, Any]:
    return look(call)


@DBOS.workflow()
def react(question: str) -> str:
    messages = [{"role": "user", "content": question}]
    while True:
        messages.append(model(messages))
        if not (calls := messages[-1].get("tool_calls")):
            return messages[-1]["content"]
        messages.append(tool(calls[0]))


@DBOS.step()
async def async_model(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return reply(messages)


@DBOS.step()
async def async_tool(call: dict[str, Any]) -> dict[str, Any]:
    return look(call)


@DBOS.workflow()
async def async_react(question: str) -> str:
    messages = [{"role": "user", "content": question}]
    while True:
        messages.append(await async_model(messages))
        if not (calls := messages[-1].get("tool_calls")):
            return messages[-1]["content"]
        messages.append(await async_tool(calls[0]))


def check(text: str) -> None:
    if text != ruler.ANSWER:
        raise RuntimeError(f"the run ended with {text!r}")


def in_threads(runs: int) -> ruler.Laps:
    def once() -> None:
        check(react(ruler.QUESTION))

    ruler.closed_loop_in_threads(once, ruler.WARM_UP)
    ruler.quiet_gc()
    return ruler.closed_loop_in_threads(once, runs)


async def on_a_loop(runs: int) -> ruler.Laps:
    async def once() -> None:
        check(await async_react(ruler.QUESTION))

    await ruler.closed_loop(once, ruler.WARM_UP)
    ruler.quiet_gc()
    return await ruler.closed_loop(once, runs)


@event.listens_for(sqlalchemy.Engine, "connect")
def sync_fully(db: Any, _: Any) -> None:
    if not isinstance(db, sqlite3.Connection):
        return
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA wal_autocheckpoint = 4000")


def new_file(folder: Path, journal: str) -> str:
    """Make a new SQLite file and return its URL."""
    file = folder / "dbos.db"
    with sqlite3.connect(file) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
    db.close()
    return f"sqlite:///{file}"


def launch(url: str, pool: int) -> None:
    """Start DBOS on a new database."""
    DBOS(
        config={
            "name": "react3",
            "system_database_url": url,
            "sys_db_pool_size": pool,
            "log_level": "ERROR",
            "enable_otlp": False,
        }
    )
    DBOS.launch()


def main() -> None:
    parser = ruler.runs_wanted("react3 on DBOS", default=1000)
    parser.add_argument("--style", choices=["threads", "async"], default="async")
    parser.add_argument("--pool", type=int, default=2)
    parser.add_argument("--journal", choices=["wal", "delete"], default="wal")
    parser.add_argument("--url", default="", help="a new database on PostgreSQL instead of a file")
    given = parser.parse_args()
    with ruler.scratch() as folder:
        launch(given.url or new_file(folder, given.journal), given.pool)
        try:
            threads = given.style == "threads"
            laps = in_threads(given.runs) if threads else ruler.on_a_loop(on_a_loop(given.runs))
            found = ruler.figures(laps) | (
                postgres.share(given.url, given.runs) if given.url else {}
            )
        finally:
            DBOS.destroy()
        ruler.tell(found)


if __name__ == "__main__":
    main()
