"""One connection to Redis, without the library's own retries: mending is link.py's, for all wires alike."""

import asyncio
from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from importlib import resources
from typing import Any

from hiredis import pack_command
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

_SCRIPTS = ("put", "take", "back", "reap", "beat", "tell")

Command = Sequence[str | bytes | int]


@cache
def script(name: str) -> tuple[str, str]:
    """Return a script and the name under which Redis knows it when it was loaded."""
    text = resources.files("folkmoot.brokers.redis").joinpath(f"scripts/{name}.lua").read_text()
    return text, sha1(text.encode()).hexdigest()  # noqa: S324 - Redis names scripts so


def call(name: str, keys: Sequence[str], *arguments: str | bytes | int) -> Command:
    """Return the command that runs a loaded script."""
    return ("EVALSHA", script(name)[1], len(keys), *keys, *arguments)


class Client:
    """A connection; commands of several tasks follow each other."""

    def __init__(self, url: str) -> None:
        """`url` as redis-py reads it."""
        pool: Any = ConnectionPool.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=5,
            max_connections=1,
        )
        self._pool = pool
        self.wire: Any = pool.make_connection()
        self._turn = asyncio.Lock()

    async def connect(self, *, scripts: bool = False) -> None:
        """Connect; load the scripts if asked to."""
        await self.wire.connect()
        if scripts:
            await self.all([("SCRIPT", "LOAD", script(name)[0]) for name in _SCRIPTS])

    async def all(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands together and return their answers. Raises the first error among them."""
        async with self._turn:
            await self.send(commands)
            return [await self.wire.read_response() for _ in commands]

    async def one(self, *command: str | bytes | int) -> Any:
        """Send one command and return its answer."""
        return (await self.all([command]))[0]

    async def send(self, commands: Sequence[Command]) -> None:
        """Send commands; somebody else reads the answers."""
        # Not the library's packing, which is Python and cost more than all else that a word costs.
        packed = [pack_command(tuple(each)) for each in commands]  # type: ignore[arg-type]
        await self.wire.send_packed_command(packed)

    async def close(self) -> None:
        """Let go at once."""
        await self.wire.disconnect(nowait=True)
