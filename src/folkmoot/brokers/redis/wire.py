"""Redis (also Valkey, Dragonfly): lists by priority, hand-over by script, events by its channels.

States of an announcement: in a list -> held by a taker -> gone (done) or in front of its list again
(given back, or its taker's lease was over). Each change is one script, so it happens whole or not.
Authority: a taker may say a word about what it holds; what was reaped is held no more. Clock: Redis's.
A taker is one connection's life: after an outage it has a new name, and what the old one held comes
back by its lease. That is a repetition at worst; the store's claim decides who drives a run.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from secrets import token_hex

from redis import exceptions

from folkmoot.brokers.address import Address
from folkmoot.brokers.redis.channels import Channels
from folkmoot.brokers.redis.client import Client, Command, call
from folkmoot.brokers.redis.keys import Keys
from folkmoot.brokers.wire import FETCH_S, Ears
from folkmoot.brokers.words import Done, Put, Taken, Word
from folkmoot.core.events import Event
from folkmoot.core.task import PRIORITIES

LEASE_S = 6.0
"""How long what a dead taker held stays away: as long as a dead worker's runs do, by default."""
_TRUST_MS = 30_000
"""How long an announcement keeps out its like; less than the relay waits before it says it again."""


class RedisWire:
    """One process's connections to Redis."""

    capabilities = frozenset({"ordered", "shared", "redelivers"})
    refusals: tuple[type[BaseException], ...] = (
        exceptions.AuthenticationError,
        exceptions.ResponseError,
        exceptions.NoPermissionError,
    )

    def __init__(self, address: Address, lease_s: float = LEASE_S) -> None:
        """`lease_s` should be several seconds: it is kept once a second."""
        self._url = address.url
        self._keys = Keys(address.prefix)
        self._lease_ms = round(lease_s * 1000)
        self._number = 0
        self._memory = b""
        self._name = ""
        self._client: Client | None = None
        self._channels: Channels | None = None
        self._fetching: dict[str, Client] = {}
        self._ears: Ears | None = None

    async def join(self, ears: Ears) -> None:
        """Connect twice: for commands and for channels."""
        self._ears = ears
        self._name = token_hex(8)
        self._client = Client(self._url)
        await self._client.connect(scripts=True)
        self._channels = Channels(Client(self._url), self._keys.hints, ears)
        await self._channels.open()
        await self.beat()

    async def leave(self) -> None:
        """Give back what is held, if the server still hears us, and let go."""
        client, channels, fetching = self._client, self._channels, self._fetching
        self._client, self._channels, self._fetching = None, None, {}
        with suppress(Exception):
            if client is not None:
                async with asyncio.timeout(0.2):
                    await client.all(
                        [self._reap(f"{queue}:{self._name}", "1") for queue in fetching]
                    )
        for connection in (client, channels, *fetching.values()):
            if connection is not None:
                with suppress(Exception):
                    await connection.close()

    async def say(self, words: Sequence[Word]) -> None:
        """Say all in one go, what is alike with one command."""
        lines: dict[tuple[str, str], list[str]] = {}
        done: dict[str, list[int]] = {}
        events: list[str | bytes] = []
        commands: list[Command] = []
        for word in words:
            if isinstance(word, Event):
                events += (self._keys.hints + word.topic, word.body)
            elif isinstance(word, Put):
                lines.setdefault((word.queue, word.priority), []).append(word.run)
            elif isinstance(word, Done):
                taker, number = word.taken.mark
                done.setdefault(taker, []).append(number)
            else:
                taker, number = word.taken.mark
                commands.append(call("back", self._keys.of(taker), number))
        commands += [self._put(*line, runs) for line, runs in lines.items()]
        commands += [("HDEL", self._keys.held(taker), *ns) for taker, ns in done.items()]
        if events:
            commands.append(call("tell", (), *events))
        await self._ours().all(commands)

    async def fetch(self, queue: str, limit: int) -> list[Taken]:
        """Take what is there; if there is nothing, block until a token comes, and look again."""
        client, taker = await self._taking(queue), f"{queue}:{self._name}"
        found = await self._take(client, taker, limit)
        if not found and await client.one("BRPOP", self._keys.wake(queue), str(FETCH_S)):
            found = await self._take(client, taker, limit)
        return found

    async def rest(self) -> None:
        """Block on no token any more: it would be lost with us."""
        for client in self._fetching.values():
            await client.close()

    async def follow(self, patterns: Sequence[str]) -> None:
        """Subscribe."""
        assert self._channels is not None
        await self._channels.follow(patterns)

    async def unfollow(self, patterns: Sequence[str]) -> None:
        """Unsubscribe."""
        assert self._channels is not None
        await self._channels.unfollow(patterns)

    async def beat(self) -> None:
        """Keep our leases, reap those that are over, and notice a flush."""
        client, keys, channels = self._ours(), self._keys, self._channels
        takers = [f"{queue}:{self._name}" for queue in self._fetching]
        memory, expired = await client.one(
            *call("beat", [keys.takers, keys.memory], self._lease_ms, token_hex(8), *takers)
        )
        if expired:
            await client.all([self._reap(taker.decode(), "0") for taker in expired])
        if memory != self._memory:
            if self._memory and self._ears is not None:
                self._ears.emptied()
            self._memory = memory
        if channels is not None:
            await channels.ping()

    # --- within ---

    def _ours(self) -> Client:
        if self._client is None:
            raise ConnectionError("not connected")
        return self._client

    async def _taking(self, queue: str) -> Client:
        client = self._fetching.get(queue)
        if client is None:
            client = self._fetching[queue] = Client(self._url)
            await client.connect()
        return client

    async def _take(self, client: Client, taker: str, limit: int) -> list[Taken]:
        keys = [*self._keys.of(taker), self._keys.takers]
        first = self._number
        self._number += limit
        found = await client.one(*call("take", keys, limit, first, taker, self._lease_ms))
        queue = taker.rpartition(":")[0]
        return [
            Taken(queue, run.decode(), PRIORITIES[line - 1], (taker, first + n))
            for n, (line, run) in enumerate(zip(found[::2], found[1::2], strict=True))
        ]

    def _put(self, queue: str, priority: str, runs: list[str]) -> Command:
        keys = self._keys
        line = keys.lists(queue)[PRIORITIES.index(priority)]
        return call("put", [line, keys.announced(queue), keys.wake(queue)], _TRUST_MS, *runs)

    def _reap(self, taker: str, leaves: str) -> Command:
        return call("reap", [*self._keys.of(taker), self._keys.takers], taker, leaves)
