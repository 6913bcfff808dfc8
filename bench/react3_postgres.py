"""react3-postgres: the runs of react3 on PostgreSQL with synchronous_commit on; beside the rivals on theirs.

Everybody takes turns as in react3, each time in a new process on a new database of the same server. Ours
is measured in one process, and in two on one database; how the CPU is divided between our processes and
the server's sessions is shown, for with few cores the server gets what the second process would need.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from bench import child, postgres, react3, report
from bench.options import Options

RUNS = 10_000
TEN = "10 savers"
RIVALS: dict[str, tuple[str, tuple[str, ...]]] = {
    # As their pages show them; tuned ways have rows of their own, without a bar.
    "langgraph": ("bench.rivals.langgraph_postgres", ()),
    TEN: ("bench.rivals.langgraph_postgres", ("--savers", "10")),
    "dbos": ("bench.rivals.dbos", ("--pool", "20")),
}
BARS = {"langgraph": 20, "dbos": 25}
TWO = "2 x ours"
SCALE = 1.6


def run(options: Options) -> report.Report:
    """Measure all sides in turn. Raises Failed when Folkmoot itself could not be measured."""
    runs = options.runs or RUNS
    ours = react3.Side("folkmoot", "bench.ours_postgres", Path(sys.executable), runs)
    two = ours._replace(name=TWO, args=("--processes", "2"))
    sides = [ours, two, *react3.rivals(RIVALS, runs)]
    return outcome(react3.measure(sides, options.rounds, ask))


def ask(side: react3.Side) -> dict[str, float]:
    """Let a side make its runs, in a new process on a new database."""
    print(f"  {report.disk()}", file=sys.stderr)
    try:
        with postgres.database() as url:
            given = ("--runs", str(side.runs), "--url", url, *side.args)
            return child.measure(side.module, *given, python=side.python)
    except postgres.NoServer as fault:
        raise child.Failed(f"there is no PostgreSQL to measure on: {fault}") from None


def outcome(rounds: react3.Rounds) -> report.Report:
    """Return react3's report, with a row for two processes, and the server's CPU beside ours."""
    found = react3.outcome(rounds, "react3-postgres", BARS)
    rows = []
    for name in ["folkmoot", TWO, *RIVALS]:
        each = rounds.get(name, [])
        rows.append(with_server(react3.row(name, each, found.ours), each))
    two = report.median(rounds[TWO]) if rounds.get(TWO) else None
    ten = report.median(rounds[TEN]) if rounds.get(TEN) else None
    return report.Report(
        name=found.name,
        ours=found.ours | ({"two_processes": two} if two else {}),
        rivals=found.rivals | {TEN: ten},
        columns=with_server(found.columns, []),
        rows=rows,
        bars=[*found.bars, *([scale(found.ours, two)] if two else [])],
        note=found.note,
    )


def with_server(row: Sequence[str], rounds: list[dict[str, float]]) -> list[str]:
    """Add the server's CPU to ours, where it is known, and leave memory out: a terminal is narrow."""
    known = bool(rounds) and "server_ms_per_run" in rounds[0]
    server = f"+{report.median(rounds)['server_ms_per_run']:.2f}" if known else ""
    return [*row[:5], row[5] + server, *row[7:]]


def scale(one: dict[str, float], two: dict[str, float]) -> report.Bar:
    """Return the promise about a second process."""
    ratio = two["runs_per_s"] / one["runs_per_s"]
    text = f"two processes make at least {SCALE} times what one makes: {ratio:.2f} times"
    return report.Bar(text, ratio >= SCALE)
