"""Makes broker and exchange of a Redis URL."""

from folkmoot.brokers.address import read
from folkmoot.brokers.exchange import RemoteExchange
from folkmoot.brokers.redis.exchange import EVENT_LEASE_S, RedisEvents
from folkmoot.brokers.redis.wire import LEASE_S, RedisWire
from folkmoot.brokers.remote import BUFFER, RemoteBroker


def connect(url: str, *, buffer: int = BUFFER, lease_s: float = LEASE_S) -> RemoteBroker:
    """Return the broker that a URL names: `redis://[:password@]host[:port][/db][?prefix=]`."""
    address = read(url)
    return RemoteBroker(address, RedisWire(address, lease_s), buffer)


def exchange(url: str, *, lease_s: float = EVENT_LEASE_S) -> RemoteExchange:
    """Return the exchange of events at the same URL."""
    address = read(url)
    return RemoteExchange(address, RedisEvents(address, lease_s))
