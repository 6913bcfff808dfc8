import asyncio

import pytest
from bench import ruler


def test_percentile_is_the_nearest_rank() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert ruler.percentile(values, 50) == 50.0
    assert ruler.percentile(values, 99) == 99.0
    assert ruler.percentile([7.0], 99) == 7.0


async def test_the_loop_makes_exactly_the_runs_asked_for_and_never_more_at_a_time() -> None:
    under_way, most, made = 0, 0, 0

    async def once() -> None:
        nonlocal under_way, most, made
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        made += 1

    laps = await ruler.closed_loop(once, 25, at_a_time=4)
    assert (made, most, len(laps.ms)) == (25, 4, 25)


async def test_a_run_that_fails_ends_the_measurement() -> None:
    async def once() -> None:
        raise RuntimeError("wrong answer")

    with pytest.raises(RuntimeError, match="wrong answer"):
        await ruler.closed_loop(once, 3, at_a_time=1)


def test_threads_make_exactly_the_runs_asked_for() -> None:
    made: list[int] = []
    laps = ruler.closed_loop_in_threads(lambda: made.append(1), 12, at_a_time=3)
    assert len(made) == len(laps.ms) == 12


def test_the_five_figures_are_those_that_readers_rely_on() -> None:
    laps = ruler.Laps(wall_s=2.0, cpu_s=1.0, ms=[1.0, 2.0, 3.0, 4.0])
    found = ruler.figures(laps)
    assert list(found) == ["runs_per_s", "p50_ms", "p99_ms", "cpu_ms_per_run", "rss_mb"]
    assert (found["runs_per_s"], found["p50_ms"], found["cpu_ms_per_run"]) == (2.0, 2.0, 250.0)
    assert found["rss_mb"] >= 1
