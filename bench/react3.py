"""react3: prompt, the model asks for a tool, the tool, the model answers. A hundred runs at a time.

Ours and the rivals take turns (A B C A B C …), each time in a new process with a new database, so
that a slow minute of the machine hits all of them; the median of the rounds is reported.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench import child, report, venv
from bench.options import Options

RUNS = 10_000
RIVALS: dict[str, tuple[str, tuple[str, ...]]] = {
    "langgraph": ("bench.rivals.langgraph", ("--graph", "plain")),
    # As it comes; tuned ways are in `python -m bench rivals` and in the docs page.
    "dbos": ("bench.rivals.dbos", ("--style", "async", "--pool", "20", "--journal", "delete")),
}
BARS: Mapping[str, float] = {"langgraph": 20, "dbos": 40}


class Side(NamedTuple):
    """Who is measured: a module, the Python that runs it, how many runs a round, other arguments."""

    name: str
    module: str
    python: Path
    runs: int
    args: tuple[str, ...] = ()


Rounds = dict[str, list[dict[str, float]]]
Ask = Callable[[Side], dict[str, float]]


def run(options: Options) -> report.Report:
    """Measure all sides in turn. Raises Failed when Folkmoot itself could not be measured."""
    runs = options.runs or RUNS
    ours = Side("folkmoot", "bench.ours", Path(sys.executable), runs)
    return outcome(measure([ours, *rivals(RIVALS, runs)], options.rounds, ask))


def ask(side: Side) -> dict[str, float]:
    """Let a side make its runs, in a new process. Others may use the disk: what it costs now is said."""
    print(f"  {report.disk()}", file=sys.stderr)
    return child.measure(side.module, "--runs", str(side.runs), *side.args, python=side.python)


def measure(sides: list[Side], rounds: int, ask: Ask) -> Rounds:
    """Let the sides take turns. A side that fails is left out from then on, and said so."""
    found: Rounds = {side.name: [] for side in sides}
    left = list(sides)
    for nr in range(rounds):
        for side in list(left):
            print(f"round {nr + 1} of {rounds}: {side.name} …", file=sys.stderr)
            try:
                found[side.name].append(ask(side))
            except child.Failed as fault:
                print(f"{side.name} is left out: {fault}", file=sys.stderr)
                found[side.name].clear()
                left.remove(side)
    return found


def rivals(known: Mapping[str, tuple[str, tuple[str, ...]]], runs: int) -> list[Side]:
    """Return the rivals that are there; those that cannot be installed are named on stderr."""
    try:
        python = venv.python()
    except venv.NotInstalled as fault:
        for name in known:
            print(f"{name} is left out, it could not be installed: {fault}", file=sys.stderr)
        return []
    made = rival_runs(runs)
    return [Side(name, module, python, made, args) for name, (module, args) in known.items()]


def outcome(
    rounds: Rounds, name: str = "react3", factors: Mapping[str, float] = BARS
) -> report.Report:
    """Return the report. A rival that was not measured stands in it as None."""
    if not rounds["folkmoot"]:
        raise child.Failed("Folkmoot itself could not be measured; the reason stands above.")
    ours = report.median(rounds["folkmoot"])
    others = {
        rival: report.median(rounds[rival]) if rounds.get(rival) else None for rival in factors
    }
    return report.Report(
        name=name,
        ours=ours,
        rivals=others,
        columns=["side", "runs/s", "range", "p50 ms", "p99 ms", "CPU ms", "MB", "ratio"],
        rows=[row(side, rounds.get(side, []), ours) for side in ("folkmoot", *factors)],
        bars=bars(ours, others, factors),
        note=report.disk(),
    )


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
        f"{min(speeds):,.0f}-{max(speeds):,.0f}",
        f"{middle['p50_ms']:,.1f}",
        f"{middle['p99_ms']:,.1f}",
        f"{middle['cpu_ms_per_run']:.2f}",
        f"{middle['rss_mb']:.0f}",
        f"{ours['runs_per_s'] / middle['runs_per_s']:.1f}x",
    ]


def bars(
    ours: dict[str, float], rivals: dict[str, Any], factors: Mapping[str, float] = BARS
) -> list[report.Bar]:
    """Return the promises about the rivals that were measured."""
    found = []
    for name, factor in factors.items():
        if (rival := rivals[name]) is not None:
            ratio = ours["runs_per_s"] / rival["runs_per_s"]
            found.append(
                report.Bar(f"at least {factor} times {name}: {ratio:.1f} times", ratio >= factor)
            )
    return found
