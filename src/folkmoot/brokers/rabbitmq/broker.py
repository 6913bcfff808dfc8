"""Makes the broker of a RabbitMQ URL."""

from folkmoot.brokers.address import read
from folkmoot.brokers.rabbitmq.wire import RabbitWire
from folkmoot.brokers.remote import BUFFER, RemoteBroker


def connect(url: str, *, buffer: int = BUFFER) -> RemoteBroker:
    """Return the broker that a URL names: `amqp://user:password@host[:port]/vhost[?prefix=]`."""
    address = read(url)
    return RemoteBroker(address, RabbitWire(address), buffer)
