"""react3 on Folkmoot over PostgreSQL: `folkmoot up` in one process, or in several on one database.

Run from the repository root: `.venv/bin/python -m bench.ours_postgres --url postgresql://… --runs 10000`.
Each process submits runs and works on them; the callers are divided among the processes.
"""

import asyncio
import gc
import multiprocessing
import statistics
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

from bench import ours, postgres, ruler, weather
from folkmoot.stores.postgres.migrate import upgrade


class Share(NamedTuple):
    """What one process does."""

    url: str
    runs: int
    callers: int
    ready: Barrier


async def measure(share: Share) -> dict[str, float]:
    """Warm up, begin together with the others, measure, and check what was written."""
    with ruler.scratch() as folder:
        async with weather.running(folder, weather.agent(), store=share.url) as desk:

            async def once() -> None:
                await weather.ask(desk)

            await ruler.closed_loop(once, ruler.WARM_UP, share.callers)
            gc.collect()
            await asyncio.to_thread(share.ready.wait)
            laps = await ruler.closed_loop(once, share.runs, share.callers)
            server_s = postgres.server_cpu_s(share.url)
            await asyncio.to_thread(share.ready.wait)  # the others' sessions are counted, too
            await ours.check(desk)
    return ruler.figures(laps) | {"server_s": server_s, "runs": float(share.runs)}


def work(share: Share, told: Any) -> None:
    """Be one of several processes."""
    told.put(ruler.on_a_loop(measure(share)))


def together(url: str, runs: int, processes: int) -> dict[str, float]:
    """Measure so many processes at once, and add up."""
    spawn = multiprocessing.get_context("spawn")
    told: Any = spawn.Queue()
    callers = ruler.AT_A_TIME // processes
    share = Share(url, runs // processes, callers, spawn.Barrier(processes))
    started = [spawn.Process(target=work, args=(share, told)) for _ in range(processes)]
    for one in started:
        one.start()
    found = [told.get(timeout=600) for _ in started]
    for one in started:
        one.join()
    return added(found)


def added(found: list[dict[str, float]]) -> dict[str, float]:
    """Return the figures of all processes as those of one; the server's CPU includes the warm-up."""
    made = sum(each["runs"] for each in found)
    warm = len(found) * ruler.WARM_UP
    server_s = max(each["server_s"] for each in found)
    return {
        "runs_per_s": round(sum(each["runs_per_s"] for each in found), 1),
        "p50_ms": round(statistics.median(each["p50_ms"] for each in found), 3),
        "p99_ms": round(max(each["p99_ms"] for each in found), 3),
        "cpu_ms_per_run": round(statistics.mean(each["cpu_ms_per_run"] for each in found), 4),
        "server_ms_per_run": round(server_s * 1000 / (made + warm), 4),
        "rss_mb": round(sum(each["rss_mb"] for each in found), 1),
    }


def main() -> None:
    parser = ruler.runs_wanted("react3 on Folkmoot over PostgreSQL", default=10_000)
    parser.add_argument("--url", required=True, help="a new database; it is given our schema")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(upgrade(given.url))
    ruler.tell(together(given.url, given.runs, given.processes))


if __name__ == "__main__":
    main()
