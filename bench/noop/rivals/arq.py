"""noop on arq: `arq`, by Redis.

Chosen: one worker process, a hundred jobs at a time, no result kept. It looks for jobs every half
second by default; here every 5 ms, which makes it faster.
"""

from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

from bench.noop import course, ends

_REDIS = RedisSettings.from_dsn(course.url())


async def noop(_context: Any, number: int) -> None:
    ends.tell(number)


class Settings:
    functions = [noop]  # noqa: RUF012 - arq reads it so
    queue_name = course.name()
    redis_settings = _REDIS
    max_jobs = 100
    poll_delay = 0.005
    keep_result = 0
    log_results = False


def measure(given: course.Given, worker: int, pipe: ends.Pipe) -> course.Figures:
    async def all_() -> course.Figures:
        pool = await create_pool(_REDIS, default_queue_name=course.name())
        try:
            return await course.on_a_loop(
                given, worker, pipe, lambda n: pool.enqueue_job("noop", n)
            )
        finally:
            await pool.aclose()

    return course.run(all_())


def main() -> None:
    command = [course.binary("arq"), "bench.noop.rivals.arq.Settings"]
    course.rival("noop on arq", command, measure)
