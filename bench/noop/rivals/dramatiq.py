"""noop on Dramatiq: `dramatiq`, by Redis or RabbitMQ.

Chosen: its defaults, two processes (one a core) of eight threads each. Of the middleware only what it
cannot do without is left: retries. No results.
"""

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Retries

from bench.noop import course, ends

_NAME = course.name()
_MIDDLEWARE = [Retries()]

if course.url().startswith("redis"):
    broker = RedisBroker(url=course.url(), namespace=_NAME, middleware=_MIDDLEWARE)
else:
    broker = RabbitmqBroker(url=course.url(), middleware=_MIDDLEWARE)
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=_NAME)
def noop(number: int) -> None:
    ends.tell(number)


def measure(given: course.Given, worker: int, pipe: ends.Pipe) -> course.Figures:
    return course.in_threads(given, worker, pipe, noop.send)


def main() -> None:
    command = [course.binary("dramatiq"), "bench.noop.rivals.dramatiq", "-p", "2", "-t", "8"]
    course.rival("noop on Dramatiq", command, measure)
