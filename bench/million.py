"""million: a store with a million finished runs against one with ten thousand: claims and lists.

The rows are made by the database itself, in the store's own tables: finished runs of twenty agents, two
entries each; of the oldest fifth one in a hundred has failed, and a few wait. Chains are not computed. Then a
thousand runs are made and claimed through the store, as a worker does it, lists are asked for, as people do
it, and the rest as upkeep does it.

Both stores stand side by side in one process and are asked in turn, question by question: whatever else the
machine does meanwhile befalls both. A p99 is the median of those of five parts.
"""

import argparse
import asyncio
import os
import sqlite3
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from bench import child, report, ruler
from bench.noop import servers
from bench.options import Options
from folkmoot.core import changes as c
from folkmoot.core.entries import Created, Head, write
from folkmoot.core.run import Run, RunState
from folkmoot.core.task import Task
from folkmoot.ports.store import Query, Store
from folkmoot.stores.postgres.store import PostgresStore
from folkmoot.stores.sqlite.store import SqliteStore

MANY = 1_000_000
FEW = 10_000
TIMES = 1_000
PARTS = 5
BAR = 2.0
_AT = 1_700_000_000_000
_NOW = _AT + MANY + 1_000
_OLD = "n * 5 < {runs}"
_STATE = (
    f"CASE WHEN n % 100 = 7 AND {_OLD} THEN 'failed' WHEN n % 1000 = 11 AND {_OLD} THEN 'waiting' "
    "ELSE 'succeeded' END"
)
_COLUMNS = """id, agent, definition, state, priority, source, attempt, fence, worker, created_at,
    updated_at, ready_at, wake_at, deadline, waits_for, head, head_hash, spend, output, error, labels,
    signals, announced_at"""
_RUN = f"""'agent' || (n % 20), 'd', {_STATE}, 2, 'api', 1, 1, '', {_AT} + n, {_AT} + n, 0, 0, 0, '',
    2, '', '{{{{}}}}', 'done', '', '{{{{}}}}', 0, {_AT}"""
_ID = "'run_' || printf('%012x', {at} + n) || printf('%016x', n)"
_HEX = "'run_' || lpad(to_hex({at} + n), 12, '0') || lpad(to_hex(n), 16, '0')"
_BODY = '{"kind":"run.created","task":{"agent":"agent1","input":"A question of some length, as they are."}}'

Act = Callable[[int], Awaitable[Any]]

# --- making it ---


def fill_sqlite(file: Path, runs: int) -> None:
    """Add finished runs to a file that has the schema."""
    id_ = _ID.format(at=_AT)
    series = f"WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {runs - 1})"
    with sqlite3.connect(file, isolation_level=None) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        db.execute(
            f"INSERT INTO runs ({_COLUMNS}) {series} SELECT {id_}, {_RUN.format(runs=runs)} FROM s"
        )
        for seq, kind in ((1, "run.created"), (2, "run.succeeded")):
            db.execute(
                f"INSERT INTO entries {series} SELECT {id_}, {seq}, {_AT} + n, '{kind}', "
                f"CAST('{_BODY}' AS BLOB), NULL, randomblob(32) FROM s"
            )
        db.execute("INSERT INTO tallies SELECT state, count(*) FROM runs GROUP BY state")
        db.execute("COMMIT")
    db.close()


async def fill_postgres(url: str, runs: int) -> None:
    """Add finished runs to a database that has the schema, and let it know its tables."""
    id_ = _HEX.format(at=_AT)
    series = f"FROM generate_series(0, {runs - 1}::bigint) AS n"
    db = await asyncpg.connect(url, server_settings={"search_path": "folkmoot"})
    await db.execute(
        f"INSERT INTO runs ({_COLUMNS}) SELECT {id_}, {_RUN.format(runs=runs)} {series}"
    )
    for seq, kind in ((1, "run.created"), (2, "run.succeeded")):
        await db.execute(
            f"INSERT INTO entries SELECT {id_}, {seq}, {_AT} + n, '{kind}', '{_BODY}'::text::bytea, "
            f"NULL, sha256(n::text::bytea) {series}"
        )
    await db.execute("INSERT INTO tallies SELECT state, 0, count(*) FROM runs GROUP BY state")
    await db.execute("VACUUM ANALYZE")
    await db.close()


@contextmanager
def place(kind: str) -> Iterator[str]:
    """Lend a folder or a database."""
    if kind == "sqlite":
        with ruler.scratch() as folder:
            yield str(folder / "folkmoot.db")
    else:
        with servers.place("postgres", ours=True) as lent:
            yield lent.store


@asynccontextmanager
async def opened(kind: str, where: str, runs: int) -> AsyncIterator[Store]:
    """Open a store that holds so many finished runs."""
    store: Store
    if kind == "sqlite":
        store = SqliteStore(Path(where))
        await store.open()
        await store.close()
        await asyncio.to_thread(fill_sqlite, Path(where), runs)
        store = SqliteStore(Path(where))
    else:
        await fill_postgres(where, runs)
        store = PostgresStore(where)
    if hasattr(os, "sync"):
        os.sync()  # else the first claims would wait for what the making has left to the disk
    await store.open()
    try:
        yield store
    finally:
        await store.close()


# --- asking it ---


def birth(number: int) -> c.CreateRun:
    """Return a new run."""
    id_ = f"run_{_NOW:012x}{number:016x}"
    entry = write(Head(), id_, _NOW, Created(task=Task(agent="agent1", input="x"), definition="d"))
    run = Run(id=id_, agent="agent1", definition="d", created_at=_NOW, updated_at=_NOW, head=1)
    return c.CreateRun(run=run, entries=(entry,))


def acts(store: Store, births: list[c.CreateRun], runs: int) -> dict[str, Act]:
    """Return the questions, by name, each for the number of its turn."""
    middle = f"run_{_AT + runs // 2:012x}"
    failed, waiting = (RunState.FAILED,), (RunState.WAITING,)
    open_ = (RunState.RUNNING, RunState.QUEUED)
    old = f"run_{_AT - 1:012x}"
    return {
        "ready": lambda _: store.ready(_NOW, 100, _NOW),
        "announced": lambda _: store.announced(_NOW),
        "due": lambda _: store.due(),
        "standing": lambda _: store.standing(_NOW, _NOW),
        "peek": lambda n: store.peek([births[n].run.id], _NOW),
        "list": lambda _: store.runs(Query()),
        "list_middle": lambda _: store.runs(Query(before=middle)),
        "list_agent": lambda n: store.runs(Query(agent=f"agent{n % 20}")),
        "list_failed": lambda _: store.runs(Query(states=failed, limit=10)),
        "list_waiting": lambda _: store.runs(Query(states=waiting, limit=1)),
        "list_open": lambda _: store.runs(Query(states=open_, limit=50)),
        "list_agent_failed": lambda _: store.runs(Query(agent="agent7", states=failed, limit=3)),
        "counts": lambda _: store.counts(),
        "prune_nothing": lambda _: store.write(c.Prune(before=_AT - 1, limit=200, below=old)),
        "rescue_nothing": lambda _: store.write(c.Rescue(now=_NOW)),
        "claim": lambda n: store.write(c.Claim(run=births[n].run.id, worker="w", now=_NOW)),
    }


async def measure(stores: Sequence[tuple[Store, int]]) -> list[dict[str, float]]:
    """Return p50 and p99 of each question to each store, in milliseconds."""
    births = [birth(number) for number in range(TIMES)]
    for store, _ in stores:
        for number in range(0, TIMES, 50):
            await store.write(*births[number : number + 50])
        await store.write(c.Beat(worker="w", ttl_ms=3_600_000))
    sides = [acts(store, births, runs) for store, runs in stores]
    found: list[dict[str, float]] = [{"runs": runs} for _, runs in stores]
    for name in sides[0]:
        laps = await in_turn([side[name] for side in sides])
        for figures, ms in zip(found, laps, strict=True):
            parts = [ms[part::PARTS] for part in range(PARTS)]
            p99 = statistics.median(ruler.percentile(part, 99) for part in parts)
            figures[f"{name}_p50_ms"] = round(ruler.percentile(ms, 50), 3)
            figures[f"{name}_p99_ms"] = round(p99, 3)
    return found


async def in_turn(sides: Sequence[Act]) -> list[list[float]]:
    """Return how long each of so many acts took on each side, after a few that do not count."""
    laps: list[list[float]] = [[] for _ in sides]
    for number in range(-20, TIMES):
        for act, ms in zip(sides, laps, strict=True):
            began = time.perf_counter()
            await act(number % TIMES)
            if number >= 0:
                ms.append((time.perf_counter() - began) * 1000)
    return laps


async def both(kind: str, places: Sequence[str], runs: int) -> list[dict[str, float]]:
    """Make a store with few runs and one with so many, and measure them."""
    async with (
        opened(kind, places[0], min(FEW, runs)) as few,
        opened(kind, places[1], runs) as many,
    ):
        return await measure([(few, min(FEW, runs)), (many, runs)])


# --- the report ---


def run(options: Options) -> report.Report:
    """Measure each engine with few and with many runs, in a process of its own."""
    many = options.runs or MANY
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind in ("sqlite", "postgres"):
        try:
            found[kind] = ask(kind, many)
        except child.Failed as fault:
            if kind == "sqlite":
                raise
            print(f"{kind} is left out: {fault}", file=sys.stderr)
    rows, bars = [], []
    for kind, figures in found.items():
        more, kept = judged(kind, figures["few"], figures["many"])
        rows += more
        bars += kept
    return report.Report(
        name="million",
        ours=found,
        columns=["question", "p50 few", "p50 many", "ratio", "p99 few", "p99 many", "ratio"],
        rows=rows,
        bars=bars,
        note=f"Milliseconds, with {FEW:,} and with {many:,} finished runs. {report.disk()}",
    )


def ask(kind: str, runs: int) -> dict[str, dict[str, float]]:
    print(f"{kind}: {min(FEW, runs):,} and {runs:,} runs …", file=sys.stderr)
    return child.measure("bench.million", kind, "--runs", str(runs))


def judged(
    kind: str, few: dict[str, float], many: dict[str, float]
) -> tuple[list[list[str]], list[report.Bar]]:
    """Return the table's lines and the bars of one engine."""
    names = [key.removesuffix("_p50_ms") for key in few if key.endswith("_p50_ms")]
    rows = [[f"{kind} {name.replace('_', ' ')}"] for name in names]
    bars = []
    for rank in ("p50", "p99"):
        ratios = {name: many[f"{name}_{rank}_ms"] / few[f"{name}_{rank}_ms"] for name in names}
        for row, name in zip(rows, names, strict=True):
            row += [f"{few[f'{name}_{rank}_ms']:.2f}", f"{many[f'{name}_{rank}_ms']:.2f}"]
            row.append(f"{ratios[name]:.1f}x")
        worst = max(ratios, key=lambda name: ratios[name])
        text = f"{kind}: {rank} within {BAR:g} times, at most {ratios[worst]:.1f} ({worst})"
        bars.append(report.Bar(text, ratios[worst] <= BAR))
    return rows, bars


def main() -> None:
    parser: argparse.ArgumentParser = ruler.runs_wanted("a store with many finished runs", FEW)
    parser.add_argument("kind", choices=["sqlite", "postgres"])
    given = parser.parse_args()
    with place(given.kind) as one, place(given.kind) as other:
        few, many = asyncio.run(both(given.kind, (one, other), given.runs))
        ruler.tell({"few": few, "many": many})


if __name__ == "__main__":
    main()
