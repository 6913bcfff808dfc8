"""noop on SAQ: `saq`, by Redis or PostgreSQL.

Chosen: one worker process, a hundred jobs at a time; jobs are gone when they have ended (`ttl=-1`), so
that no result is kept.
"""

from typing import Any

from saq import Queue

from bench.noop import course, ends

queue = Queue.from_url(course.url(), name=course.name())


async def noop(_context: Any, *, number: int) -> None:
    ends.tell(number)


settings = {"queue": queue, "functions": [noop], "concurrency": 100}


def measure(given: course.Given, worker: int, pipe: ends.Pipe) -> course.Figures:
    async def submit(number: int) -> None:
        await queue.enqueue("noop", number=number, ttl=-1)

    async def all_() -> course.Figures:
        await queue.connect()
        try:
            return await course.on_a_loop(given, worker, pipe, submit)
        finally:
            await queue.disconnect()

    return course.run(all_())


def main() -> None:
    command = [course.binary("saq"), "bench.noop.rivals.saq.settings", "--quiet"]
    course.rival("noop on SAQ", command, measure)
