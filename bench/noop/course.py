"""The course that every side runs, ours and the rivals': warm-up, closed loop, burst. Standard library only.

*closed*: so many callers, each submits its next run when its last one has ended. *burst*: all runs are
submitted as fast as the submitter can, and waited for; the clock runs from the first submit to the last
end. CPU is counted for the submitting process, for the worker command with all that it starts, and for
the servers' processes (whoever else uses them meanwhile counts, too).
"""

import asyncio
import itertools
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from bench import ruler
from bench.noop import cpu, ends

WARM_UP = 300
_FIRST_S = 60.0
_ALL_S = 300.0

Figures = dict[str, float]


class Given(NamedTuple):
    """What a side is told: its server, a name for its queues, the servers' processes by what they are
    (broker, store), how much to do."""

    url: str
    name: str
    store: str
    servers: dict[str, str]
    runs: int
    at_a_time: int


def given(about: str) -> Given:
    """Read the command line; where the server is stands in the environment, for the worker too."""
    parser = ruler.runs_wanted(about, 5_000)
    parser.add_argument("--at-a-time", type=int, default=ruler.AT_A_TIME)
    found = parser.parse_args()
    pairs = [pair.partition("=") for pair in os.environ.get("NOOP_SERVERS", "").split(",") if pair]
    servers = {label: process for label, _, process in pairs}
    store = os.environ.get("NOOP_STORE", "")
    return Given(url(), name(), store, servers, found.runs, found.at_a_time)


def url() -> str:
    """Return the server's address."""
    return os.environ["NOOP_URL"]


def name() -> str:
    """Return a name for queues that is nobody else's."""
    return os.environ["NOOP_NAME"]


@contextmanager
def worker(*command: str) -> Iterator[int]:
    """Start a worker as its users do; end it, and all that it has started, at the end."""
    loud = bool(os.environ.get("NOOP_LOUD"))
    process = subprocess.Popen(
        command,
        cwd=ruler.ROOT,
        env={**os.environ, "PYTHONPATH": str(ruler.ROOT)},
        stdout=sys.stderr if loud else subprocess.DEVNULL,
        stderr=sys.stderr if loud else subprocess.DEVNULL,
        start_new_session=True,
    )
    if loud:
        print(shlex.join(command), file=sys.stderr)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Meter:
    """Wall and CPU time from its making on."""

    def __init__(self, worker: int, servers: dict[str, str]) -> None:
        self._worker = worker
        self._servers = servers
        self._began = self._now()

    def _now(self) -> Figures:
        found = {label: cpu.of_name(process) for label, process in self._servers.items()}
        found |= {"submitter": time.process_time(), "worker": cpu.of_tree(self._worker)}
        return found | {"wall": time.perf_counter()}

    def read(self, runs: int, phase: str) -> Figures:
        """Return runs per second, and milliseconds of CPU a run, in all and by process."""
        now = self._now()
        took = {name: now[name] - since for name, since in self._began.items()}
        wall = took.pop("wall")
        found = {f"{phase}_per_s": runs / wall, f"{phase}_cpu_ms": sum(took.values()) * 1000 / runs}
        found |= {f"{phase}_cpu_ms_{n}": s * 1000 / runs for n, s in took.items()}
        return {name: round(value, 4) for name, value in found.items()}


def laps(ms: Sequence[float]) -> Figures:
    """Return how long single runs took in the closed loop."""
    whole = list(ms)
    return {
        "p50_ms": round(ruler.percentile(whole, 50), 2),
        "p99_ms": round(ruler.percentile(whole, 99), 2),
    }


# --- for submitters with an event loop ---

Submit = Callable[[int], Awaitable[object]]
"""Submits a run; the number is what its job tells at its end."""


class Ends:
    """Ends, as futures."""

    def __init__(self, pipe: ends.Pipe) -> None:
        self._pipe = pipe
        self._open: dict[int, asyncio.Future[None]] = {}
        asyncio.get_running_loop().add_reader(pipe.number, self._read)

    def _read(self) -> None:
        for number in self._pipe.read():
            future = self._open.pop(number, None)
            if future is not None and not future.done():
                future.set_result(None)

    def of(self, number: int) -> "asyncio.Future[None]":
        """Return what is done when a job has ended; ask before it is submitted."""
        future = self._open[number] = asyncio.get_running_loop().create_future()
        return future


def run(main: Coroutine[Any, Any, Figures]) -> Figures:
    """Run a submitter that has a loop on uvloop: the rivals advise it, and `folkmoot api` does it."""
    with asyncio.Runner(loop_factory=import_module("uvloop").new_event_loop) as runner:
        return runner.run(main)


async def on_a_loop(given: Given, worker: int, pipe: ends.Pipe, submit: Submit) -> Figures:
    """Run the course."""
    told, numbers = Ends(pipe), itertools.count()

    async def begin() -> "asyncio.Future[None]":
        number = next(numbers)
        end = told.of(number)
        await submit(number)
        return end

    return await course(given, worker, begin)


async def course(
    given: Given, worker: int, begin: Callable[[], Awaitable[Awaitable[object]]]
) -> Figures:
    """Run the course; `begin` submits a run and returns what to await for its end."""

    async def once() -> None:
        await (await begin())

    async with asyncio.timeout(_FIRST_S):
        await once()
    async with asyncio.timeout(_ALL_S):
        await ruler.closed_loop(once, WARM_UP)
        ruler.quiet_gc()
        meter = Meter(worker, given.servers)
        looped = await ruler.closed_loop(once, given.runs, given.at_a_time)
        found = meter.read(given.runs, "closed") | laps(looped.ms)
        meter = Meter(worker, given.servers)
        await _burst(begin, given.runs, given.at_a_time)
        return found | meter.read(given.runs, "burst")


async def _burst(
    begin: Callable[[], Awaitable[Awaitable[object]]], runs: int, at_a_time: int
) -> None:
    tickets = itertools.repeat(None, runs)
    waits: list[asyncio.Future[object]] = []

    async def caller() -> None:
        for _ in tickets:
            end = await begin()
            waits.append(asyncio.ensure_future(end))

    await asyncio.gather(*(caller() for _ in range(at_a_time)))
    await asyncio.gather(*waits)


# --- for submitters that block ---


class Threads:
    """Submits from a few threads; one more reads the ends."""

    def __init__(self, pipe: ends.Pipe, submit: Callable[[int], object], threads: int) -> None:
        self._pipe = pipe
        self._submit = submit
        self._threads = threads
        self._numbers = itertools.count()
        self._began: dict[int, float] = {}
        self._room = threading.Semaphore(0)
        self._ended = threading.Semaphore(0)
        self.ms: list[float] = []
        os.set_blocking(pipe.number, True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while numbers := self._pipe.read():
            now = time.perf_counter()
            self.ms += [(now - self._began.pop(number)) * 1000 for number in numbers]
            self._room.release(len(numbers))
            self._ended.release(len(numbers))

    def run(self, runs: int, at_a_time: int, within_s: float) -> None:
        """Make runs, so many at a time; return when all have ended."""
        self.ms.clear()
        self._room = threading.Semaphore(at_a_time)
        tickets = itertools.repeat(None, runs)

        def caller() -> None:
            for _ in tickets:
                self._room.acquire()
                number = next(self._numbers)
                self._began[number] = time.perf_counter()
                self._submit(number)

        callers = [threading.Thread(target=caller, daemon=True) for _ in range(self._threads)]
        for each in callers:
            each.start()
        until = time.perf_counter() + within_s
        for _ in range(runs):
            if not self._ended.acquire(timeout=max(0.0, until - time.perf_counter())):
                raise TimeoutError(f"not all of {runs} runs ended within {within_s:g} s")


def in_threads(
    given: Given, worker: int, pipe: ends.Pipe, submit: Callable[[int], object], threads: int = 2
) -> Figures:
    """Run the course."""
    side = Threads(pipe, submit, threads)
    side.run(1, 1, _FIRST_S)
    side.run(WARM_UP, given.at_a_time, _ALL_S)
    ruler.quiet_gc()
    meter = Meter(worker, given.servers)
    side.run(given.runs, given.at_a_time, _ALL_S)
    found = meter.read(given.runs, "closed") | laps(side.ms)
    meter = Meter(worker, given.servers)
    side.run(given.runs, given.runs, _ALL_S)
    return found | meter.read(given.runs, "burst")


# --- what a rival's program does ---


def binary(name: str) -> str:
    """Return a command of the venv that runs us."""
    return str(Path(sys.executable).with_name(name))


def rival(
    about: str, command: Sequence[str], measure: Callable[[Given, int, ends.Pipe], Figures]
) -> None:
    """Start the worker, measure, print the figures."""
    told = given(about)
    with ruler.scratch() as folder:
        pipe = ends.Pipe(folder)
        with worker(*command) as pid:
            ruler.tell(measure(told, pid, pipe))
