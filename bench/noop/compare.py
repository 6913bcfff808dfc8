"""noop beside the rivals of one broker: the sides take turns, the median of the rounds counts."""

import functools
import sys
from pathlib import Path
from typing import NamedTuple

from bench import child, react3, report, venv
from bench.noop import servers
from bench.options import Options

RUNS = 10_000
OURS = "folkmoot"


class Rival(NamedTuple):
    """A rival, and the venv that has it."""

    name: str
    venv: str = "queues"


RIVALS: dict[str, tuple[Rival, ...]] = {
    "redis": (*map(Rival, ("dramatiq", "taskiq", "saq", "celery")), Rival("arq", "arq")),
    "rabbitmq": tuple(map(Rival, ("dramatiq", "taskiq", "celery"))),
    "nats": (Rival("taskiq"),),
    "postgres": tuple(map(Rival, ("procrastinate", "saq"))),
}
_SLOW = frozenset({"celery", "procrastinate"})


def run(options: Options, kind: str) -> report.Report:
    """Measure. Raises child.Failed when Folkmoot itself could not be measured."""
    runs = options.runs or RUNS
    sides = [react3.Side(OURS, "bench.noop.ours", Path(sys.executable), runs), *rivals(kind, runs)]
    return outcome(kind, react3.measure(sides, options.rounds, functools.partial(ask, kind)))


def ask(kind: str, side: react3.Side) -> dict[str, float]:
    """Let a side run the course, in new processes, at a place of its own."""
    print(f"  {report.disk()}", file=sys.stderr)
    with servers.place(kind, ours=side.name == OURS) as place:
        return child.measure(
            side.module,
            *side.args,
            "--runs",
            str(side.runs),
            python=side.python,
            extra=place.variables(),
        )


def rivals(kind: str, runs: int) -> list[react3.Side]:
    """Return the rivals that are there; those that cannot be installed are named on stderr."""
    found = []
    for rival in RIVALS[kind]:
        try:
            python = venv.named(rival.venv)
        except venv.NotInstalled as fault:
            print(f"{rival.name} is left out, it could not be installed: {fault}", file=sys.stderr)
            continue
        made = max(1000, runs // 4) if rival.name in _SLOW else runs
        found.append(react3.Side(rival.name, "bench.noop.rivals", python, made, (rival.name,)))
    return found


def outcome(kind: str, rounds: react3.Rounds) -> report.Report:
    """Return the report. A rival that was not measured stands in it as None."""
    if not rounds[OURS]:
        raise child.Failed("Folkmoot itself could not be measured; the reason stands above.")
    names = [rival.name for rival in RIVALS[kind]]
    ours = report.median(rounds[OURS])
    others = {name: report.median(rounds[name]) if rounds.get(name) else None for name in names}
    columns = ["side", "burst/s", "ratio", "closed/s", "p50 ms", "p99 ms", "CPU ms"]
    return report.Report(
        name=f"noop-{kind}",
        ours={**ours, "runs_per_s": ours["burst_per_s"]},
        rivals={n: f and {**f, "runs_per_s": f["burst_per_s"]} for n, f in others.items()},
        columns=columns,
        rows=[row(name, rounds.get(name, []), ours) for name in (OURS, *names)],
        bars=[bar for phase in ("burst", "closed") for bar in bars(phase, ours, others)],
        note=f"CPU: in the burst, of all processes. {report.disk()}",
    )


def row(name: str, rounds: list[dict[str, float]], ours: dict[str, float]) -> list[str]:
    """Return a side's line of the table."""
    if not rounds:
        return [name, "not measured", *[""] * 5]
    middle = report.median(rounds)
    return [
        name,
        f"{middle['burst_per_s']:,.0f}",
        f"{ours['burst_per_s'] / middle['burst_per_s']:.1f}x",
        f"{middle['closed_per_s']:,.0f}",
        f"{middle['p50_ms']:,.1f}",
        f"{middle['p99_ms']:,.1f}",
        f"{middle['burst_cpu_ms']:.2f}",
    ]


def bars(
    phase: str, ours: dict[str, float], rivals: dict[str, dict[str, float] | None]
) -> list[report.Bar]:
    """Return the promise: as fast as the fastest."""
    speeds = {n: found[f"{phase}_per_s"] for n, found in rivals.items() if found is not None}
    if not speeds:
        return []
    fastest = max(speeds, key=lambda name: speeds[name])
    ratio = ours[f"{phase}_per_s"] / speeds[fastest]
    text = f"{phase}: as fast as the fastest ({fastest}): {ratio:.2f} times"
    return [report.Bar(text, ratio >= 1)]
