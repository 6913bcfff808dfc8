"""Connections to PostgreSQL that carry motion: for announcements and hints, and for events."""

from collections.abc import Callable
from typing import Any

import asyncpg

Connection = Any
"""asyncpg brings no types."""

REFUSALS: tuple[type[BaseException], ...] = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ClientConfigurationError,
)
"""Faults that waiting does not cure."""

_SETTINGS = {
    # Whoever stands still between two statements of a transaction keeps nobody waiting for long.
    "idle_in_transaction_session_timeout": "2s"
}


async def connect(
    url: str, name: str, broken: Callable[[BaseException], None], **settings: str
) -> Connection:
    """Connect as `name`, which PostgreSQL shows; `broken` is told of the end. Raises what asyncpg does."""
    connection: Connection = await asyncpg.connect(
        url, timeout=5, server_settings={"application_name": name, **_SETTINGS, **settings}
    )
    ended = ConnectionResetError("the connection was closed")
    connection.add_termination_listener(lambda _: broken(ended))
    return connection
