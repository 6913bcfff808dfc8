"""noop on procrastinate: `procrastinate worker`, by PostgreSQL with synchronous_commit on.

Chosen: one worker process, a hundred jobs at a time; jobs that succeeded are deleted; a pool of twenty
connections on either side.
"""

from procrastinate import App, PsycopgConnector

from bench.noop import course, ends

app = App(connector=PsycopgConnector(conninfo=course.url(), min_size=4, max_size=20))


@app.task(name="noop", queue=course.name())
async def job(number: int) -> None:
    ends.tell(number)


def measure(given: course.Given, worker: int, pipe: ends.Pipe) -> course.Figures:
    async def all_() -> course.Figures:
        async with app.open_async():
            return await course.on_a_loop(given, worker, pipe, lambda n: job.defer_async(number=n))

    return course.run(all_())


def main() -> None:
    with app.open():
        app.schema_manager.apply_schema()
    command = [
        course.binary("procrastinate"),
        "-a",
        "bench.noop.rivals.procrastinate.app",
        "worker",
    ]
    command += ["-q", course.name(), "-c", "100", "--delete-jobs", "successful"]
    course.rival("noop on procrastinate", command, measure)
