"""Makes broker and exchange of a NATS URL."""

from folkmoot.brokers.address import read
from folkmoot.brokers.exchange import RemoteExchange
from folkmoot.brokers.nats.exchange import EVENT_LEASE_S, NatsEvents
from folkmoot.brokers.nats.wire import LEASE_S, NatsWire
from folkmoot.brokers.remote import BUFFER, RemoteBroker


def connect(url: str, *, buffer: int = BUFFER, lease_s: float = LEASE_S) -> RemoteBroker:
    """Return the broker that a URL names: `nats://[user:password@|token@]host[:port][?prefix=]`."""
    address = read(url)
    return RemoteBroker(address, NatsWire(address, lease_s), buffer)


def exchange(url: str, *, lease_s: float = EVENT_LEASE_S) -> RemoteExchange:
    """Return the exchange of events at the same URL."""
    address = read(url)
    return RemoteExchange(address, NatsEvents(address, lease_s))
