"""react3: prompt, the model asks for a tool, the tool, the model answers. A hundred runs at a time.

Ours and the rivals take turns (A B C A B C …), each time in a new process with a new database, so
that a slow minute of the machine hits all of them; the median of the rounds is reported.
"""

import statistics
import sys
from pathlib import Path
from typing import Any

from bench import child, report, venv
from bench.options import Options

RUNS = 10_000
RIVAL_MODULES = {"langgraph": "bench.rivals.langgraph", "dbos": "bench.rivals.dbos"}
BARS = {"langgraph": 20, "dbos": 40}
FIGURES = ("runs_per_s", "p50_ms", "p99_ms", "cpu_ms_per_run", "rss_mb")

Rounds = dict[str, list[dict[str, float]]]


def run(options: Options) -> report.Report:
    """Measure all sides in turn."""
    rounds = measure(options, options.runs or RUNS)
    if not rounds["folkmoot"]:
        raise child.Failed("Folkmoot itself could not be measured; the reason stands above.")
    ours = report.median(rounds["folkmoot"])
    rivals = {name: report.median(rounds[name]) if rounds[name] else None for name in RIVAL_MODULES}
    return report.Report(
        name="react3",
        ours=ours,
        rivals=rivals,
        columns=["side", "runs/s", "from – to", "p50 ms", "p99 ms", "CPU ms/run", "RSS MB", "ours is"],
        rows=[row(name, rounds[name], ours) for name in rounds],
        bars=bars(ours, rivals),
        note=report.disk(),
    )


def measure(options: Options, runs: int) -> Rounds:
    """Let the sides take turns. A side that fails once is left out, and said so."""
    rounds: Rounds = {"folkmoot": [], **{name: [] for name in RIVAL_MODULES}}
    sides: dict[str, tuple[str, Path | str, int]] = {"folkmoot": ("bench.ours", sys.executable, runs)}
    sides.update(rival_sides(runs))
    for nr in range(options.rounds):
        for name in list(sides):
            module, python, wanted = sides[name]
            print(f"round {nr + 1} of {options.rounds}: {name} …", file=sys.stderr)
            try:
                rounds[name].append(
                    child.measure(module, "--runs", str(wanted), python=python)
                )
            except child.Failed as fault:
                print(f"{name} is left out: {fault}", file=sys.stderr)
                rounds[name].clear()
                del sides[name]
    return rounds


def rival_sides(runs: int) -> dict[str, tuple[str, Path | str, int]]:
    """Return the rivals that are there; those that cannot be installed are named on stderr."""
    try:
        python = venv.python()
    except venv.NotInstalled as fault:
        for name in RIVAL_MODULES:
            print(f"{name} is left out, it could not be installed: {fault}", file=sys.stderr)
        return {}
    return {name: (module, python, rival_runs(runs)) for name, module in RIVAL_MODULES.items()}


def rival_runs(runs: int) -> int:
    """Return how many runs a rival makes while we make `runs`: it then takes about as long."""
    return min(runs, max(300, runs // 10))


def row(name: str, rounds: list[dict[str, float]], ours: dict[str, float]) -> list[str]:
    """Return a side's line of the table."""
    if not rounds:
        return [name, "not measured", *[""] * 6]
    middle = report.median(rounds)
    speeds = [each["runs_per_s"] for each in rounds]
    return [
        name,
        f"{middle['runs_per_s']:,.0f}",
        f"{min(speeds):,.0f} – {max(speeds):,.0f}",
        f"{middle['p50_ms']:,.1f}",
        f"{middle['p99_ms']:,.1f}",
        f"{middle['cpu_ms_per_run']:.2f}",
        f"{middle['rss_mb']:.0f}",
        f"{ours['runs_per_s'] / middle['runs_per_s']:.1f}×",
    ]


def bars(ours: dict[str, float], rivals: dict[str, Any]) -> list[report.Bar]:
    """Return the promises about the rivals that were measured."""
    found = []
    for name, factor in BARS.items():
        if (rival := rivals[name]) is not None:
            ratio = ours["runs_per_s"] / rival["runs_per_s"]
            found.append(
                report.Bar(f"at least {factor} times {name}: {ratio:.1f} times", ratio >= factor)
            )
    return found


def spread(values: list[float]) -> float:
    """Return how far the rounds lie apart, as a share of their median."""
    return (max(values) - min(values)) / statistics.median(values)
