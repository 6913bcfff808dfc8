import asyncio
import os
from pathlib import Path

import pytest
from bench import react3
from bench.noop import compare, course, cpu, ends


def figures(burst: float, closed: float) -> dict[str, float]:
    return {
        "burst_per_s": burst,
        "closed_per_s": closed,
        "burst_cpu_ms": 0.2,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
    }


def rounds(**found: tuple[float, float]) -> react3.Rounds:
    return {name: [figures(*speeds)] for name, speeds in found.items()}


def test_the_bar_is_the_fastest_rival_in_each_phase() -> None:
    found = compare.outcome(
        "redis", rounds(folkmoot=(3000, 2000), dramatiq=(2000, 2500), taskiq=(2500, 1000))
    )
    burst, closed = found.bars
    assert (burst.kept, "taskiq" in burst.text) == (True, True)
    assert (closed.kept, "dramatiq" in closed.text) == (False, True)
    assert found.ours["runs_per_s"] == 3000


def test_a_rival_that_was_not_there_is_null() -> None:
    found = compare.outcome("nats", rounds(folkmoot=(3000, 2000)))
    assert found.line()["rivals"] == {"taskiq": None}
    assert not found.bars


@pytest.fixture
def pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(ends.VARIABLE, "")
    ends._way.cache_clear()
    pipe = ends.Pipe(tmp_path)
    yield pipe
    os.close(ends._way())
    ends._way.cache_clear()
    pipe.close()


def test_ends_come_through_the_pipe_in_their_order(pipe: ends.Pipe) -> None:
    for number in range(1000):
        ends.tell(number)
    assert pipe.read() == list(range(1000))
    assert pipe.read() == []


async def test_the_course_makes_all_runs_in_both_phases(pipe: ends.Pipe) -> None:
    made = []

    async def submit(number: int) -> None:
        made.append(number)
        asyncio.get_running_loop().call_soon(ends.tell, number)

    given = course.Given("", "", "", {}, 500, 50)
    found = await course.on_a_loop(given, os.getpid(), pipe, submit)
    assert made == list(range(1 + course.WARM_UP + 500 + 500))
    assert found["burst_per_s"] > 0


def test_threads_make_all_runs(pipe: ends.Pipe) -> None:
    found = course.in_threads(
        course.Given("", "", "", {}, 200, 20), os.getpid(), pipe, ends.tell, threads=2
    )
    assert found["closed_per_s"] > 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_cpu_time_is_read() -> None:
    assert cpu.of_tree(os.getpid()) > 0
