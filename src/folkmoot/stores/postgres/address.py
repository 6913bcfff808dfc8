"""Where the database is, and how we connect. A URL may hold a password: it is never shown."""

import ssl
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from folkmoot.core.errors import SettingsInvalid
from folkmoot.stores.postgres import faults

SETTINGS = {
    "search_path": "folkmoot",
    "application_name": "folkmoot",
    "jit": "off",
    # Every question has its index; before the first ANALYZE the planner would take the tables for small.
    "enable_seqscan": "off",
}
"""Settings of every session."""

WRITING = {
    **SETTINGS,
    # Plans are made once and kept. They would be made for small tables and stay when these have grown,
    # so only plans that stay right are allowed: by index, row by row, in the order of the keys.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    # A process that stands still in the middle of a write (stopped, paused with its machine, cut off) would
    # keep what it has locked for as long as it stands. So its session ends, and with it the write.
    "idle_in_transaction_session_timeout": "2s",
}
"""Settings of the session that writes."""

_CONNECT_S = 5.0


class Address:
    """A URL, and a name for it that may be shown."""

    def __init__(self, url: str) -> None:
        """Nothing is looked up yet."""
        self.url = url
        try:
            parts = urlsplit(url)
            self.place = f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"
        except ValueError:
            self.place = "an address that cannot be read"

    async def connect(self, settings: dict[str, str]) -> Any:
        """Connect. Raises SettingsInvalid for a URL that is none, StoreFault when nobody lets us in."""
        try:
            return await asyncpg.connect(self.url, timeout=_CONNECT_S, server_settings=settings)
        except (asyncpg.PostgresError, OSError, TimeoutError, ssl.SSLError) as fault:
            raise faults.away(self.place, fault, kept="Nothing was changed.") from None
        except (ValueError, asyncpg.InterfaceError):
            raise SettingsInvalid(
                "FOLKMOOT_STORE is not an address that PostgreSQL can be reached by.",
                kept="Nothing was started.",
                todo="Use postgresql://user:password@host:5432/database.",
            ) from None
