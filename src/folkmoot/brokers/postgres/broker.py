"""Makes broker and exchange of a PostgreSQL URL."""

from folkmoot.brokers.address import read
from folkmoot.brokers.exchange import RemoteExchange
from folkmoot.brokers.postgres.exchange import EVENT_LEASE_S, PostgresEvents
from folkmoot.brokers.postgres.wire import LEASE_S, PostgresWire
from folkmoot.brokers.remote import BUFFER, RemoteBroker


def connect(url: str, *, buffer: int = BUFFER, lease_s: float = LEASE_S) -> RemoteBroker:
    """Return the broker that a URL names: `postgres://user:password@host[:port]/database[?prefix=]`."""
    address = read(url)
    return RemoteBroker(address, PostgresWire(address, lease_s), buffer)


def exchange(url: str, *, lease_s: float = EVENT_LEASE_S) -> RemoteExchange:
    """Return the exchange of events at the same URL."""
    address = read(url)
    return RemoteExchange(address, PostgresEvents(address, lease_s))
