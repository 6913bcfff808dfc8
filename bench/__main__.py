"""The door: `python -m bench NAME [--runs N] [--rounds N] [--json]`, from the repository root."""

import argparse
import importlib
import sys

from rich.console import Console

from bench import child, report, venv
from bench.options import Options

BENCHES = {
    "react3": "bench.react3",
    "floor": "bench.floor",
    "waiting": "bench.waiting",
    "running": "bench.running",
    "latency": "bench.latency",
    "startup": "bench.startup",
    "storage": "bench.storage",
    "profile": "bench.profile",
    "rivals": "bench.rivals_compared",
}
IN_ALL = tuple(name for name in BENCHES if name not in {"profile", "rivals"})


def parse(argv: list[str]) -> tuple[str, Options]:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Benchmarks. See docs/reference/benchmarks.md."
    )
    parser.add_argument("name", choices=[*BENCHES, "all"], help="which bench")
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
    module = importlib.import_module(BENCHES[name])
    found: report.Report = module.run(options)
    return found


def main(argv: list[str]) -> int:
    """Run what was asked for. Returns 1 when a bench failed; a missed bar is no failure."""
    name, options = parse(argv)
    console = Console()
    lines, failed = {}, False
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
