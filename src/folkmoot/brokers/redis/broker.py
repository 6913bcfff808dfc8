"""Makes the broker of a Redis URL."""

from folkmoot.brokers.address import read
from folkmoot.brokers.redis.wire import LEASE_S, RedisWire
from folkmoot.brokers.remote import BUFFER, RemoteBroker


def connect(url: str, *, buffer: int = BUFFER, lease_s: float = LEASE_S) -> RemoteBroker:
    """Return the broker that a URL names: `redis://[:password@]host[:port][/db][?prefix=]`."""
    address = read(url)
    return RemoteBroker(address, RedisWire(address, lease_s), buffer)
