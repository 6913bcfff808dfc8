"""The ruler: every side, ours and the rivals', is measured by this one file, on the same event loop.

Standard library only, but for uvloop where it is installed.

A *lap* is one run from the moment it is asked for to the moment its answer is there. The loop is
closed: `at_a_time` callers, each starts its next run when its last one has ended. So the same number
of runs is under way the whole time, and nobody's lap counts time in a queue that others do not have.
"""

import argparse
import asyncio
import gc
import itertools
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

ROOT = Path(__file__).resolve().parents[1]
AT_A_TIME = 100
WARM_UP = 200

QUESTION = "How is the weather in Chur?"
PLACE = "Chur"
FOUND = "Chur: 21 degrees, clear."
ANSWER = "It is 21 degrees and clear in Chur."

Result = TypeVar("Result")


class Laps(NamedTuple):
    """What a loop took: wall and CPU seconds (all threads), and each lap in milliseconds."""

    wall_s: float
    cpu_s: float
    ms: list[float]


async def closed_loop(
    once: Callable[[], Awaitable[None]], runs: int, at_a_time: int = AT_A_TIME
) -> Laps:
    """Make `runs` runs, `at_a_time` at a time, on this event loop."""
    tickets = itertools.repeat(None, runs)
    ms: list[float] = []

    async def caller() -> None:
        for _ in tickets:
            began = time.perf_counter()
            await once()
            ms.append((time.perf_counter() - began) * 1000)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(min(at_a_time, runs))))
    return Laps(time.perf_counter() - wall, time.process_time() - cpu, ms)


def on_a_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a program on uvloop, as `folkmoot up` does, or else on asyncio's own event loop."""
    try:
        import uvloop  # noqa: PLC0415 - not for every platform
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def closed_loop_in_threads(once: Callable[[], None], runs: int, at_a_time: int = AT_A_TIME) -> Laps:
    """Make `runs` runs, `at_a_time` at a time, each in a thread: for what has no event loop."""

    def lap(_: int) -> float:
        began = time.perf_counter()
        once()
        return (time.perf_counter() - began) * 1000

    with ThreadPoolExecutor(at_a_time) as pool:
        wall, cpu = time.perf_counter(), time.process_time()
        ms = list(pool.map(lap, range(runs)))
        return Laps(time.perf_counter() - wall, time.process_time() - cpu, ms)


def figures(laps: Laps) -> dict[str, float]:
    """Return the five figures that every side reports. `rss_mb` is the process's peak."""
    runs = len(laps.ms)
    return {
        "runs_per_s": round(runs / laps.wall_s, 1),
        "p50_ms": round(percentile(laps.ms, 50), 3),
        "p99_ms": round(percentile(laps.ms, 99), 3),
        "cpu_ms_per_run": round(laps.cpu_s * 1000 / runs, 4),
        "rss_mb": round(peak_mb(), 1),
    }


def percentile(values: list[float], percent: float) -> float:
    """Return the value below which `percent` of all values lie (nearest rank)."""
    ranked = sorted(values)
    rank = -(-len(ranked) * percent // 100)
    return ranked[max(0, min(len(ranked), int(rank)) - 1)]


def peak_mb() -> float:
    """Return the most memory this process ever held, in MB (10^6 bytes).

    Not `ru_maxrss` where that can be helped: on Linux it starts from what the parent had when it
    started us.
    """
    if (kilobytes := _status("VmHWM")) is not None:
        return kilobytes * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def resident_mb() -> float:
    """Return the memory this process holds now, in MB (10^6 bytes)."""
    if (kilobytes := _status("VmRSS")) is not None:
        return kilobytes * 1024 / 1e6
    return peak_mb()


def _status(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), None)


def quiet_gc() -> None:
    """Make the collector look less often, as every rival runs faster that way."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a folder on the repository's own disk: /tmp is memory on many machines, and a sync free."""
    base = ROOT / "build" / "bench"
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def sync_ms(folder: Path, tries: int = 200) -> float:
    """Return how long this disk takes to make 4 KiB durable, in milliseconds (median)."""
    file = folder / "sync.bin"
    laps: list[float] = []
    with file.open("wb", buffering=0) as out:
        for _ in range(tries):
            out.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(out.fileno()) if hasattr(os, "fdatasync") else os.fsync(out.fileno())
            laps.append((time.perf_counter() - began) * 1000)
    file.unlink()
    return percentile(laps, 50)


def runs_wanted(about: str, default: int) -> argparse.ArgumentParser:
    """Return the arguments that every measured program takes."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--runs", type=int, default=default, help="how many to measure")
    return parser


def tell(value: dict[str, object] | dict[str, float]) -> None:
    """Print the one line that the harness reads: JSON, last on stdout."""
    print(json.dumps(value), flush=True)
