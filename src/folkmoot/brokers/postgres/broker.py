"""Makes the broker of a PostgreSQL URL."""

from folkmoot.brokers.address import read
from folkmoot.brokers.postgres.wire import LEASE_S, PostgresWire
from folkmoot.brokers.remote import BUFFER, RemoteBroker


def connect(url: str, *, buffer: int = BUFFER, lease_s: float = LEASE_S) -> RemoteBroker:
    """Return the broker that a URL names: `postgres://user:password@host[:port]/database[?prefix=]`."""
    address = read(url)
    return RemoteBroker(address, PostgresWire(address, lease_s), buffer)
