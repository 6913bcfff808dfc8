"""noop on Celery: `celery worker`, by Redis or RabbitMQ.

Chosen: two prefork processes, one a core; results and events off, no gossip, no mingle, no heartbeat; a
prefetch of 64 for each process; acknowledged early, its default; hiredis. What a killed worker had
taken is lost.
"""

from celery import Celery

from bench.noop import course, ends

app = Celery("noop", broker=course.url())
app.conf.update(
    task_default_queue=course.name(),
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_prefetch_multiplier=64,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    broker_pool_limit=4,
    broker_connection_retry_on_startup=True,
    task_queue_max_priority=None,
)


@app.task(name="noop", ignore_result=True)
def job(number: int) -> None:
    ends.tell(number)


def measure(given: course.Given, worker: int, pipe: ends.Pipe) -> course.Figures:
    return course.in_threads(given, worker, pipe, job.delay)


def main() -> None:
    command = [
        course.binary("celery"),
        "-A",
        "bench.noop.rivals.celery",
        "worker",
        "-c",
        "2",
        "-l",
        "WARNING",
    ]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    course.rival("noop on Celery", command, measure)
