"""The door: `python -m bench NAME [--runs N] [--rounds N] [--json]`, from the repository root."""

import argparse
import importlib
import sys
from typing import Any

from rich.console import Console

from bench import child, report, venv
from bench.options import Options

BENCHES = {
    "react3": ("bench.react3", "runs per second beside LangGraph and DBOS"),
    "react3-postgres": ("bench.react3_postgres", "react3 on PostgreSQL, rivals on theirs"),
    "floor": ("bench.floor", "the same rows written by hand: what is left to win"),
    "waiting": ("bench.waiting", "memory of runs that wait for a person"),
    "running": ("bench.running", "memory of runs inside a model call"),
    "latency": ("bench.latency", "one run alone, from submit to its first model call"),
    "startup": ("bench.startup", "folkmoot --help, and folkmoot up until it is ready"),
    "storage": ("bench.storage", "bytes that a long conversation takes"),
    "failover": ("bench.failover", "from a worker's death to its runs' next entries elsewhere"),
    "million": ("bench.million", "claims and lists beside a million finished runs"),
    "profile": ("bench.profile", "where the time of react3 goes"),
    **{
        f"noop-{kind}": (f"bench.noop.compare:{kind}", f"runs that do nothing, through {name}")
        for kind, name in (
            ("redis", "Redis"),
            ("rabbitmq", "RabbitMQ"),
            ("nats", "NATS"),
            ("postgres", "PostgreSQL alone"),
        )
    },
    "rivals": ("bench.rivals_compared", "each rival, run in each way that was tried"),
}
_APART = frozenset({"profile", "rivals", "failover", "million"})
IN_ALL = tuple(name for name in BENCHES if name not in _APART and "-" not in name)


def parse(argv: list[str]) -> tuple[str | None, Options]:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="bench", description="Benchmarks. See docs/reference/benchmarks.md."
    )
    parser.add_argument(
        "name", nargs="?", choices=[*BENCHES, "all"], help="which bench; none lists them"
    )
    parser.add_argument(
        "--runs", type=positive, help="runs in each round (default: the bench's own)"
    )
    parser.add_argument("--rounds", type=positive, default=3, help="rounds; the median counts")
    parser.add_argument("--json", action="store_true", help="print one line of JSON last")
    given = parser.parse_args(argv)
    return given.name, Options(given.runs, given.rounds, given.json)


def positive(text: str) -> int:
    """Read a number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def bench(name: str, options: Options) -> report.Report:
    """Run one bench. Its module is imported only now: the others may need what is not there."""
    module, _, which = BENCHES[name][0].partition(":")
    given = (options, which) if which else (options,)
    found: report.Report = importlib.import_module(module).run(*given)
    return found


def show_names() -> None:
    """Print what there is."""
    for name, (_, about) in BENCHES.items():
        print(f"{name:16}{about}")
    print(f"{'all':16}{', '.join(IN_ALL)}")


def main(argv: list[str]) -> int:
    """Run what was asked for. Returns 1 when a bench failed; a missed bar is no failure."""
    name, options = parse(argv)
    if name is None:
        show_names()
        return 0
    console = Console()
    lines: dict[str, Any] = {}
    failed = False
    for each in IN_ALL if name == "all" else (name,):
        try:
            found = bench(each, options)
        except (child.Failed, venv.NotInstalled) as fault:
            print(f"{each} failed: {fault}", file=sys.stderr)
            failed, lines[each] = True, None
            continue
        found.show(console)
        lines[each] = found.line()
    if options.json and not (failed and name != "all"):
        whole = {"name": "all", "benches": lines, "machine": report.machine()}
        report.print_line(console, whole if name == "all" else lines[name])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
