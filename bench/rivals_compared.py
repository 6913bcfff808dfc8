"""rivals: each rival in each way of running it that we tried. react3 takes the first of each (react3.RIVALS)."""

import sys

from bench import child, report, venv
from bench.options import Options

RUNS = 500
WAYS = (
    ("langgraph, dicts as messages", "bench.rivals.langgraph", ()),
    ("langgraph, MessagesState", "bench.rivals.langgraph", ("--graph", "messages")),
    ("langgraph, create_react_agent", "bench.rivals.langgraph", ("--graph", "prebuilt")),
    ("dbos, coroutines, pool 2", "bench.rivals.dbos", ()),
    ("dbos, coroutines, pool 20", "bench.rivals.dbos", ("--pool", "20")),
    ("dbos as it comes", "bench.rivals.dbos", ("--pool", "20", "--journal", "delete")),
    ("dbos, a thread a run, pool 20", "bench.rivals.dbos", ("--style", "threads", "--pool", "20")),
    ("dbos, a thread a run, pool 1", "bench.rivals.dbos", ("--style", "threads", "--pool", "1")),
)


def run(options: Options) -> report.Report:
    """Measure every way in turn, round after round. Raises NotInstalled."""
    python = venv.python()
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name, _, _ in WAYS}
    for nr in range(options.rounds):
        for name, module, args in WAYS:
            print(f"round {nr + 1} of {options.rounds}: {name} …", file=sys.stderr)
            runs = str(options.runs or RUNS)
            rounds[name].append(child.measure(module, "--runs", runs, *args, python=python))
    found = {name: report.median(each) for name, each in rounds.items()}
    return report.Report(
        name="rivals",
        ours={},
        rivals=found,
        columns=["way", "runs/s", "p50 ms", "p99 ms", "CPU ms", "RSS MB"],
        rows=[row(name, figures) for name, figures in found.items()],
        note=report.disk(),
    )


def row(name: str, figures: dict[str, float]) -> list[str]:
    """Return a line of the table."""
    return [
        name,
        f"{figures['runs_per_s']:,.0f}",
        f"{figures['p50_ms']:,.1f}",
        f"{figures['p99_ms']:,.1f}",
        f"{figures['cpu_ms_per_run']:.2f}",
        f"{figures['rss_mb']:.0f}",
    ]
