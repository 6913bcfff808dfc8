"""running: what runs cost that are at work, each inside a model call.

The model answers when the bench lets it. Memory is read with nothing under way and again when all runs
are inside their call; afterwards all are let go, and each must end well.
"""

import asyncio
from pathlib import Path

from bench import child, report, ruler, weather
from bench.options import Options
from bench.waiting import census
from folkmoot.flow.desk import FlowDesk
from folkmoot.ports.model import Answer, Request

RUNS = 1_000
BAR_KB = 100


class Held:
    """A script that holds every first call until it is let go."""

    def __init__(self) -> None:
        self.inside = 0
        self.full = asyncio.Event()
        self.go = asyncio.Event()
        self.wanted = 0

    async def __call__(self, request: Request) -> Answer:
        if len(request.messages) == 1:
            self.inside += 1
            if self.inside >= self.wanted:
                self.full.set()
            await self.go.wait()
            self.inside -= 1
        return weather.react3(request)

    async def fill(self, desk: FlowDesk, runs: int) -> "asyncio.Future[list[None]]":
        """Start runs; return when all are inside their model call."""
        self.wanted = runs
        self.full.clear()
        self.go.clear()
        callers = asyncio.gather(*(weather.ask(desk) for _ in range(runs)))
        await self.full.wait()
        return callers


async def measure(folder: Path, runs: int) -> dict[str, float]:
    """Hold `runs` runs in their model call; return what each added."""
    held = Held()
    async with weather.running(folder, weather.agent(), held, concurrency=runs) as desk:
        held.go.set()
        for _ in range(20):
            await weather.ask(desk)
        before = census()
        callers = await held.fill(desk, runs)
        after = census()
        held.go.set()
        await callers
    added = after["mb"] - before["mb"]
    return {
        "runs": runs,
        "rss_mb_before": round(before["mb"], 1),
        "added_mb": round(added, 2),
        "added_kb_per_run": round(added * 1000 / runs, 2),
        "added_tasks_per_run": round((after["tasks"] - before["tasks"]) / runs, 2),
    }


def run(options: Options) -> report.Report:
    """Measure in a process of its own."""
    found = child.measure("bench.running", "--runs", str(options.runs or RUNS))
    each = found["added_kb_per_run"]
    return report.Report(
        name="running",
        ours=found,
        columns=["what", "found"],
        rows=[
            ["runs inside a model call", f"{found['runs']:,}"],
            ["RSS before, MB", f"{found['rss_mb_before']:.1f}"],
            ["RSS added, MB", f"{found['added_mb']:.1f}"],
            ["RSS added a run, kB", f"{each:.1f}"],
            ["tasks a run (its caller's included)", f"{found['added_tasks_per_run']:.1f}"],
        ],
        bars=[
            report.Bar(f"a running run adds less than {BAR_KB} kB: {each:.1f} kB", each < BAR_KB)
        ],
    )


def main() -> None:
    given = ruler.runs_wanted("runs inside a model call", RUNS).parse_args()
    with ruler.scratch() as folder:
        ruler.tell(ruler.on_a_loop(measure(folder, given.runs)))


if __name__ == "__main__":
    main()
