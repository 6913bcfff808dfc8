"""waiting: what runs cost that wait for a person. They should be rows in the store, and nothing else.

Each run asks its model, whose tool call then needs an approval that nobody gives. Memory, asyncio
tasks and threads are counted before the runs (after as many as warm everything up) and after them.
"""

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

from bench import child, report, ruler, weather
from bench.options import Options
from folkmoot.core.agent import Approval
from folkmoot.core.run import RunState

RUNS = 10_000
WARM_UP = 500
BAR_MB = 100


async def measure(folder: Path, runs: int) -> dict[str, float]:
    """Let `runs` runs wait; return what that added."""
    agent = weather.agent(approvals=(Approval(match="weather:read"),))
    async with weather.running(folder, agent) as desk:

        async def once() -> None:
            born = await desk.submit(weather.task())
            rested = await desk.finished(born.run.id)
            if rested.state is not RunState.WAITING:
                raise RuntimeError(f"{rested.id} is {rested.state}: {rested.error}")

        await ruler.closed_loop(once, WARM_UP)
        before = census()
        await ruler.closed_loop(once, runs)
        after = census()
        waiting = (await desk.counts()).states.get(str(RunState.WAITING), 0)
        if waiting != runs + WARM_UP:
            raise RuntimeError(f"{waiting} runs wait instead of {runs + WARM_UP}")
    added = {f"added_{name}": round(after[name] - before[name], 3) for name in before}
    return {"runs": runs, "rss_mb_before": round(before["mb"], 1), **added}


def census() -> dict[str, float]:
    """Count memory, tasks and threads, with the garbage gone."""
    gc.collect()
    return {
        "mb": ruler.resident_mb(),
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
    }


def run(options: Options) -> report.Report:
    """Measure in a process of its own."""
    found = child.measure("bench.waiting", "--runs", str(options.runs or RUNS))
    return report.Report(
        name="waiting",
        ours=found,
        columns=["what", "found"],
        rows=rows(found),
        bars=[
            report.Bar(
                f"{found['runs']:,} waiting runs add less than {BAR_MB} MB: "
                f"{found['added_mb']:.1f} MB",
                found["added_mb"] < BAR_MB,
            ),
            report.Bar(
                f"a waiting run holds no task and no thread: {found['added_tasks']:+.0f} tasks, "
                f"{found['added_threads']:+.0f} threads",
                found["added_tasks"] <= 0 and found["added_threads"] <= 0,
            ),
        ],
    )


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Return the table's lines."""
    each = found["added_mb"] * 1e6 / found["runs"]
    return [
        ["waiting runs", f"{found['runs']:,}"],
        ["RSS before, MB", f"{found['rss_mb_before']:.1f}"],
        ["RSS added, MB", f"{found['added_mb']:.1f}"],
        ["RSS added a run, bytes", f"{each:,.0f}"],
        ["tasks added", f"{found['added_tasks']:+.0f}"],
        ["threads added", f"{found['added_threads']:+.0f}"],
    ]


def main() -> None:
    given = ruler.runs_wanted("runs that wait for a person", RUNS).parse_args()
    with ruler.scratch() as folder:
        ruler.tell(ruler.on_a_loop(measure(folder, given.runs)))


if __name__ == "__main__":
    main()
