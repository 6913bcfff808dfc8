"""Makes broker and exchange of a RabbitMQ URL."""

from folkmoot.brokers.address import read
from folkmoot.brokers.exchange import RemoteExchange
from folkmoot.brokers.rabbitmq.exchange import RabbitEvents
from folkmoot.brokers.rabbitmq.wire import RabbitWire
from folkmoot.brokers.remote import BUFFER, RemoteBroker


def connect(url: str, *, buffer: int = BUFFER) -> RemoteBroker:
    """Return the broker that a URL names: `amqp://user:password@host[:port]/vhost[?prefix=]`."""
    address = read(url)
    return RemoteBroker(address, RabbitWire(address), buffer)


def exchange(url: str) -> RemoteExchange:
    """Return the exchange of events at the same URL."""
    address = read(url)
    return RemoteExchange(address, RabbitEvents(address))
