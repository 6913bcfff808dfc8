"""Rates: the whole fleet asks a provider no more often than it may (core/rate.py).

A bucket is a record of the kind `rate` under the provider's name, or that of an address (`lane`). A process takes a few tokens at a time
by compare and set, so that it need not ask the store for each call; tokens of a process that dies are
lost, which errs to the careful side. A provider without a set rate and without a refusal costs nothing.

A 429 that this process got is written at once; the others hear of it by a hint, and at the latest with
their next look. Until then each may be refused once more, which the bucket takes as the same refusal.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping

from folkmoot.core import rate as rt
from folkmoot.core.agent import ModelChoice
from folkmoot.core.changes import DropRecord, PutRecord
from folkmoot.core.errors import Outdated
from folkmoot.core.events import Event
from folkmoot.core.rate import Bucket, Rate
from folkmoot.ports.broker import Broker
from folkmoot.ports.clock import Clock
from folkmoot.ports.store import Store

_TURNS = 20
_BUSY_MS = 50
TOPIC = "rate.*"


class Rates:
    """One process's share in the fleet's rates."""

    def __init__(
        self, store: Store, broker: Broker, clock: Clock, given: Mapping[str, Rate]
    ) -> None:
        """`given` are the rates that were set, by provider."""
        self._store = store
        self._broker = broker
        self._clock = clock
        self._given = dict(given)
        self._learned: set[str] = set()
        self._tokens: dict[str, int] = {}
        self._closed: dict[str, int] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def lane(self, choice: ModelChoice) -> str:
        """Return the name under which a model's calls are counted.

        It is the address that the agent names, unless a rate was set for the whole provider: who sets
        one for `openai` may mean a service of his own that speaks its wire.
        """
        place, provider = choice.place, choice.provider
        return provider if provider in self._given and place not in self._given else place

    def limits(self, provider: str) -> bool:
        """Whether a provider's calls must be admitted at all."""
        return provider in self._given or provider in self._learned

    async def admit(self, provider: str) -> int:
        """Return 0 when a call may be made, else the ms after which to ask again."""
        async with self._turns[provider]:
            left = self._tokens.get(provider, 0)
            if left:
                self._tokens[provider] = left - 1
                return 0
            wait = self._closed.get(provider, 0) - self._clock.now()
            if wait <= 0:
                wait = await self._draw(provider)
                self._closed[provider] = self._clock.now() + wait
            return wait

    async def _draw(self, provider: str) -> int:
        """Take tokens out of the bucket; return 0 when there was one for this call."""
        now, rate = self._clock.now(), self._given.get(provider)
        got, wait = 0, _BUSY_MS

        def draw(bucket: Bucket | None) -> Bucket | None:
            nonlocal got, wait
            per_s = rt.pace(bucket, rate, now)
            bucket, got, wait = rt.take(bucket or Bucket(), rate, rt.chunk(per_s), now)
            free = not per_s and now >= bucket.until
            return None if free else bucket

        if not await self._change(provider, draw):
            return _BUSY_MS
        if got:
            self._tokens[provider] = got - 1
        return wait

    async def refused(self, provider: str, after_s: float | None) -> None:
        """Learn from a 429, and tell the fleet."""
        now, rate = self._clock.now(), self._given.get(provider)
        after_ms = round((after_s or 0.0) * 1000)
        self._forget(provider)
        self._learned.add(provider)
        await self._change(
            provider, lambda bucket: rt.refused(bucket or Bucket(), rate, after_ms, now)
        )
        await self._broker.publish(Event(f"rate.{provider.partition('@')[0]}"))

    async def look(self) -> None:
        """Learn what others have learned."""
        learned = {record.key for record in await self._store.records(rt.KIND)}
        for provider in learned - self._learned:
            self._forget(provider)
        self._learned = learned

    def _forget(self, provider: str) -> None:
        self._tokens.pop(provider, None)
        self._closed.pop(provider, None)

    async def _change(
        self, provider: str, change: Callable[[Bucket | None], Bucket | None]
    ) -> bool:
        """Change a bucket, or drop it; return False when others were always quicker."""
        for _ in range(_TURNS):
            record = await self._store.record(rt.KIND, provider)
            after = change(None if record is None else rt.read(record.body))
            version = 0 if record is None else record.version
            try:
                await self._keep(provider, after, version)
            except Outdated:
                continue
            return True
        return False

    async def _keep(self, provider: str, bucket: Bucket | None, version: int) -> None:
        if bucket is not None:
            body = rt.write(bucket)
            await self._store.write(
                PutRecord(kind=rt.KIND, key=provider, body=body, version=version)
            )
        elif version:
            await self._store.write(DropRecord(kind=rt.KIND, key=provider, version=version))
            self._learned.discard(provider)
