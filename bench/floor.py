"""floor: what CPython and SQLite cost here for the rows of react3, written by hand, with no framework.

The same entries (JSON, hash chain), the same tables and indexes, the same four commits a run: born,
claimed and permitted to ask; replied; returned and permitted to ask; replied and ended. Left out is
all that a framework is for: no gate, no fence check on appends, no view, no model or tool to call, no
events, no waiting callers. Each way adds one thing to the way before it:

    values      make the entries, write nothing
    unsynced    write them for 100 runs in lockstep, one transaction a step, synchronous=OFF
    synced      the same with synchronous=FULL: the floor
    tasks       a coroutine a run, and a writer thread that commits whatever has arrived
"""

import asyncio
import itertools
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench import child, report, ruler
from bench.options import Options
from folkmoot.core import entries as e
from folkmoot.core.entries import Body, Head
from folkmoot.core.messages import ToolCall
from folkmoot.core.spend import Hold, Spend, Usage
from folkmoot.core.task import Task

RUNS = 10_000
SCOPE = "agent:weather/2026-11-23"
HELD, SPENT = 1_000_000, 250_000
MODEL = "scripted:react3"
DEFINITION = "0" * 64


class Rows(NamedTuple):
    """What one step of one run writes. `held` and `spent` change the budget's row."""

    entries: list[tuple[Any, ...]]
    born: tuple[Any, ...] | None = None
    moved: tuple[Any, ...] | None = None
    held: int = 0
    spent: int = 0


class Pen:
    """One run's chain."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.head = Head()

    def write(self, *bodies: Body) -> list[tuple[Any, ...]]:
        rows = []
        for body in bodies:
            entry = e.write(self.head, self.run, time.time_ns() // 1_000_000, body)
            self.head = Head(entry.seq, entry.hash)
            rows.append((entry.run, entry.seq, entry.at, entry.kind, entry.body, None, entry.hash))
        return rows


def steps(run: str) -> Iterator[Rows]:
    """Yield what each step of a run writes, in order; each must be durable before the next."""
    pen = Pen(run)
    now = time.time_ns() // 1_000_000
    created = e.Created(task=Task(agent="weather", input=ruler.QUESTION), definition=DEFINITION)
    yield Rows(pen.write(created, _called("m1")), born=_born(run, now), held=HELD)
    wants = ToolCall("call_1", "weather", {"place": ruler.PLACE})
    yield Rows(pen.write(_replied("m1", calls=(wants,))), held=-HELD, spent=SPENT)
    found = e.ToolReturned(call="call_1", name="weather", text=ruler.FOUND)
    yield Rows(pen.write(found, _called("m2")), held=HELD)
    last = pen.write(_replied("m2", text=ruler.ANSWER), e.Succeeded(output=ruler.ANSWER))
    yield Rows(last, moved=_moved(pen, now, "succeeded"), held=-HELD, spent=SPENT)


def _called(call: str) -> e.ModelCalled:
    return e.ModelCalled(call=call, model=MODEL, holds=(Hold(SCOPE, HELD, 10**15),))


def _replied(call: str, **said: Any) -> e.ModelReplied:
    return e.ModelReplied(call=call, model=MODEL, usage=Usage(100, 20), nanos=SPENT, **said)


def _born(run: str, now: int) -> tuple[Any, ...]:
    empty = ("", 0, "", "{}", "", "", "{}", 0, now, "", 0, 0, 1)  # the last four: its lane
    return (run, "weather", DEFINITION, "running", 2, "api", 1, 1, "w", now, now, 0, 0, 0, *empty)


def _moved(pen: Pen, now: int, state: str) -> tuple[Any, ...]:
    spend = Spend(input=200, output=40, nanos=2 * SPENT, model_calls=2, tool_calls=1)
    output = ruler.ANSWER if state == "succeeded" else ""
    text = msgspec.json.encode(spend).decode()
    return (pen.run, state, 1, now, pen.head.seq, pen.head.hash.hex(), text, output)


INSERT_RUNS = "INSERT INTO runs VALUES {rows}"
INSERT_ENTRIES = "INSERT INTO entries VALUES {rows}"
MOVE_RUNS = """UPDATE runs SET state = v.column2, fence = v.column3, updated_at = v.column4,
    head = v.column5, head_hash = v.column6, spend = v.column7, output = v.column8
    FROM (VALUES {rows}) AS v WHERE runs.id = v.column1"""
SPEND = """INSERT INTO spends VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET spent = spent + ?2, held = held + ?3"""


class Table:
    """The database, and the one thing it is asked: commit these rows."""

    def __init__(self, file: Path, synchronous: str) -> None:
        self.db = sqlite3.connect(
            file, isolation_level=None, check_same_thread=False, cached_statements=1024
        )
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute(f"PRAGMA synchronous = {synchronous}")
        self.db.execute("PRAGMA wal_autocheckpoint = 4000")
        folder = resources.files("folkmoot.stores") / "migrations" / "sqlite"
        for script in sorted(folder.iterdir(), key=lambda each: each.name):
            self.db.executescript(script.read_text())

    def commit(self, batch: Sequence[Rows]) -> None:
        """Write all rows in one transaction."""
        self.db.execute("BEGIN IMMEDIATE")
        self._many(INSERT_RUNS, [rows.born for rows in batch if rows.born])
        self._many(INSERT_ENTRIES, [line for rows in batch for line in rows.entries])
        self._many(MOVE_RUNS, [rows.moved for rows in batch if rows.moved])
        spent, held = sum(rows.spent for rows in batch), sum(rows.held for rows in batch)
        if spent or held:
            self.db.execute(SPEND, (SCOPE, spent, held))
        self.db.execute("COMMIT")

    def _many(self, statement: str, lines: Sequence[tuple[Any, ...]]) -> None:
        if lines:
            sql = _filled(statement, len(lines), len(lines[0]))
            self.db.execute(sql, tuple(itertools.chain.from_iterable(lines)))

    def count(self) -> tuple[int, int]:
        """Return how many runs succeeded, and how many entries there are."""
        ended = self.db.execute("SELECT count(*) FROM runs WHERE state = 'succeeded'").fetchone()
        written = self.db.execute("SELECT count(*) FROM entries").fetchone()
        return ended[0], written[0]


@cache
def _filled(statement: str, lines: int, columns: int) -> str:
    line = f"({', '.join('?' * columns)})"
    return statement.format(rows=", ".join([line] * lines))


def lockstep(runs: int, table: Table | None) -> None:
    """Take 100 runs through their steps together, then the next 100."""
    for start in range(0, runs, ruler.AT_A_TIME):
        group = range(start, min(runs, start + ruler.AT_A_TIME))
        for batch in zip(*(steps(f"run_{nr:028d}") for nr in group), strict=True):
            if table is not None:
                table.commit(batch)


class Committer:
    """A thread that commits what has arrived while its last commit was under way."""

    def __init__(self, table: Table) -> None:
        self.loop = asyncio.get_running_loop()
        self.table = table
        self.waiting: list[tuple[Rows, asyncio.Future[None]]] = []
        self.busy = False
        self.jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def write(self, rows: Rows) -> "asyncio.Future[None]":
        """Accept rows; the future is done when they are durable."""
        future = self.loop.create_future()
        self.waiting.append((rows, future))
        if not self.busy:
            self.busy = True
            self.loop.call_soon(self._hand_over)
        return future

    def stop(self) -> None:
        self.jobs.put(None)
        self.thread.join()

    def _hand_over(self) -> None:
        batch, self.waiting = self.waiting, []
        self.busy = bool(batch)
        if batch:
            self.jobs.put(batch)

    def _work(self) -> None:
        while batch := self.jobs.get():
            self.table.commit([rows for rows, _ in batch])
            self.loop.call_soon_threadsafe(self._settle, batch)

    def _settle(self, batch: list[tuple[Rows, "asyncio.Future[None]"]]) -> None:
        self._hand_over()
        for _, future in batch:
            future.set_result(None)


async def in_tasks(runs: int, table: Table) -> None:
    """A hundred coroutines at a time, each a run."""
    committer = Committer(table)
    names = (f"run_{nr:028d}" for nr in range(runs))

    async def once() -> None:
        for rows in steps(next(names)):
            await committer.write(rows)

    await ruler.closed_loop(once, runs)
    committer.stop()


def measure(way: str, runs: int) -> dict[str, float]:
    """Measure one way in this process."""
    with ruler.scratch() as folder:
        table = None
        if way != "values":
            table = Table(folder / "floor.db", "OFF" if way == "unsynced" else "FULL")
        wall, cpu = time.perf_counter(), time.process_time()
        if way == "tasks" and table is not None:
            ruler.on_a_loop(in_tasks(runs, table))
        else:
            lockstep(runs, table)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if table is not None and table.count() != (runs, 7 * runs):
            raise RuntimeError(f"the table holds {table.count()} after {runs} runs")
    return {
        "runs_per_s": round(runs / wall, 1),
        "us_per_run": round(wall * 1e6 / runs, 1),
        "cpu_ms_per_run": round(cpu * 1000 / runs, 4),
        "rss_mb": round(ruler.peak_mb(), 1),
    }


WAYS = ("values", "unsynced", "synced", "tasks")


def run(options: Options) -> report.Report:
    """Measure all ways in turn, each time in a new process."""
    runs = str(options.runs or RUNS)
    rounds: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            rounds[way].append(child.measure("bench.floor", "--runs", runs, "--way", way))
    found = {way: report.median(each) for way, each in rounds.items()}
    return report.Report(
        name="floor",
        ours=found,
        columns=["way", "runs/s", "µs/run", "CPU ms/run", "RSS MB"],
        rows=[_row(way, figures) for way, figures in found.items()],
        note=report.disk(),
    )


def _row(way: str, found: dict[str, float]) -> list[str]:
    return [
        way,
        f"{found['runs_per_s']:,.0f}",
        f"{found['us_per_run']:.0f}",
        f"{found['cpu_ms_per_run']:.3f}",
        f"{found['rss_mb']:.0f}",
    ]


def main() -> None:
    parser = ruler.runs_wanted("react3's rows, written by hand", RUNS)
    parser.add_argument("--way", choices=WAYS, default="synced")
    given = parser.parse_args()
    ruler.tell(measure(given.way, given.runs))


if __name__ == "__main__":
    main()
