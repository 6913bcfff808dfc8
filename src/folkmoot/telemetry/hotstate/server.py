"""One connection to Redis (also Valkey, Dragonfly), used by one task.

States: up <-> down. Whatever goes wrong, a refusal included, is an outage: it is told once in the log
when it begins (hotstate_lost) and once when it is over (hotstate_back). No call takes longer than
PATIENCE_S, however silent the server is.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from folkmoot.telemetry.hotstate.commands import Command

PATIENCE_S = 2.0
_CHUNK = 200
Warn = Callable[[str, dict[str, object]], None]


class Server:
    """Sends commands; says whether they arrived."""

    def __init__(self, url: str, shown: str, clean: Callable[[str], str], warn: Warn) -> None:
        """`shown` is the URL without its secrets; `clean` takes them out of a text."""
        client: Any = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            protocol=2,
        )
        self.up = True
        self._client = client
        self._shown = shown
        self._clean = clean
        self._warn = warn

    async def reached(self) -> bool:
        """Whether the server answers now."""
        return await self._do([("PING",)])

    async def send(self, commands: Sequence[Command]) -> bool:
        """Send commands, some hundred at a time. False when not all of them arrived and were obeyed."""
        for at in range(0, len(commands), _CHUNK):
            if not await self._do(commands[at : at + _CHUNK]):
                return False
        return True

    async def close(self) -> None:
        """Let go."""
        with suppress(Exception):
            async with asyncio.timeout(PATIENCE_S):
                await self._client.aclose()

    async def _do(self, commands: Sequence[Command]) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                pipe = self._client.pipeline(transaction=False)
                for command in commands:
                    pipe.execute_command(*command)
                await pipe.execute()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the mirror stands aside
            self._fell(fault)
            return False
        self._rose()
        return True

    def _fell(self, fault: Exception) -> None:
        if self.up:
            self.up = False
            error = self._clean(f"{type(fault).__name__}: {fault}")
            self._warn("hotstate_lost", {"server": self._shown, "error": error})

    def _rose(self) -> None:
        if not self.up:
            self.up = True
            self._warn("hotstate_back", {"server": self._shown})
