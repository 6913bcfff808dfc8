"""Makes the broker of a NATS URL."""

from folkmoot.brokers.address import read
from folkmoot.brokers.nats.wire import LEASE_S, NatsWire
from folkmoot.brokers.remote import BUFFER, RemoteBroker


def connect(url: str, *, buffer: int = BUFFER, lease_s: float = LEASE_S) -> RemoteBroker:
    """Return the broker that a URL names: `nats://[user:password@|token@]host[:port][?prefix=]`."""
    address = read(url)
    return RemoteBroker(address, NatsWire(address, lease_s), buffer)
