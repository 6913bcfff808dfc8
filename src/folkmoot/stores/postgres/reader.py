"""The connections that read: a few, lent out one question at a time."""

import asyncio
from typing import Any

import asyncpg

from folkmoot.core.errors import StoreClosed
from folkmoot.stores import queries
from folkmoot.stores.postgres import faults
from folkmoot.stores.postgres.address import SETTINGS, Address

_ANSWER_S = 30.0
_FIRST_S, _LONGEST_S = 0.05, 1.0
_CLOSE_S = 5.0


class Reader:
    """A pool. A question that loses its connection is asked again, for `patience_s`; then StoreFault."""

    def __init__(self, address: Address, pool: int, patience_s: float) -> None:
        """`pool` is the largest number of connections."""
        self._address = address
        self._size = pool
        self._patience_s = patience_s
        self._sql = queries.load("postgres")
        self._pool: Any = None
        self._tired = False

    async def open(self) -> None:
        """Connect the first."""
        self._pool = await asyncpg.create_pool(
            self._address.url,
            min_size=1,
            max_size=self._size,
            command_timeout=_ANSWER_S,
            server_settings=SETTINGS,
            reset=_as_it_is,
        )

    async def close(self) -> None:
        """Let questions end, then let go. Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                await asyncio.wait_for(pool.close(), _CLOSE_S)
            except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                pool.terminate()

    async def ask(self, name: str, *args: Any) -> list[Any]:
        """Return all rows of a named statement."""
        return await self.fetch(self._sql[name], *args)

    async def fetch(self, statement: str, *args: Any) -> list[Any]:
        """Return all rows of a statement."""
        clock = asyncio.get_running_loop().time
        until = clock() + (0 if self._tired else self._patience_s)
        pause = _FIRST_S
        while True:
            try:
                found: list[Any] = await self._once(statement, args)
            except (
                asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError,
                TimeoutError,
            ) as fault:  # fmt: skip
                if not faults.lost(fault) or clock() + pause > until:
                    self._tired = faults.lost(fault)
                    raise faults.translated(fault, self._address.place) from None
            else:
                self._tired = False
                return found
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_S)

    async def _once(self, statement: str, args: tuple[Any, ...]) -> list[Any]:
        if self._pool is None:
            raise StoreClosed
        async with self._pool.acquire(timeout=_ANSWER_S) as db:
            found: list[Any] = await db.fetch(statement, *args)
        return found


async def _as_it_is(_: Any) -> None:
    """Leave a connection as it is: every question is one statement, which changes no session."""
