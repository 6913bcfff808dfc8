"""noop on Taskiq: `taskiq worker` by Redis (a list), RabbitMQ or NATS (JetStream).

Chosen: the list broker, the fastest of its three for Redis; one worker process, whose loop uvloop runs
(Taskiq takes it by itself); a hundred jobs at a time and prefetched; no parsing of parameters; no result
backend. JetStream is pulled a hundred at a time. Redis and NATS lose what a killed worker held or
prefetched; the list broker has no acknowledgement.
"""

from importlib import import_module
from typing import Any

from bench.noop import course, ends


def make() -> Any:
    """Return the broker of the URL."""
    url, name = course.url(), course.name()
    match url.partition(":")[0]:
        case "redis":
            return import_module("taskiq_redis").ListQueueBroker(url, queue_name=name)
        case "amqp":
            module = import_module("taskiq_aio_pika")
            return module.AioPikaBroker(
                url,
                qos=100,
                exchange=module.Exchange(name=name),
                task_queues=[module.Queue(name=name)],
                dead_letter_queue=module.Queue(name=f"{name}.dead"),
                delay_queue=module.Queue(name=f"{name}.delay"),
            )
        case _:
            module = import_module("taskiq_nats")
            return module.PullBasedJetStreamBroker(
                [url], subject=name, stream_name=name, durable=name, pull_consume_batch=100
            )


broker = make()


@broker.task(task_name="noop")
async def job(number: int) -> None:
    ends.tell(number)


def measure(given: course.Given, worker: int, pipe: ends.Pipe) -> course.Figures:
    async def all_() -> course.Figures:
        await broker.startup()
        try:
            return await course.on_a_loop(given, worker, pipe, job.kiq)
        finally:
            await broker.shutdown()

    return course.run(all_())


def main() -> None:
    command = [
        course.binary("taskiq"),
        "worker",
        "bench.noop.rivals.taskiq:broker",
        "--workers",
        "1",
    ]
    command += [
        "--max-async-tasks",
        "100",
        "--max-prefetch",
        "100",
        "--no-parse",
        "--log-level",
        "WARNING",
    ]
    course.rival("noop on Taskiq", command, measure)
