"""Events through Redis (also Valkey, Dragonfly): a stream for each subscription, one group of takers.

States of an event: in the stream, unread -> pending at a taker -> gone (acked and deleted), or pending
at another (given back: its idle time is set high; or its taker said nothing for EVENT_LEASE_S: claimed).
Whoever emits reads which subscriptions there are and adds the event to the streams of those that want
it. Patterns are compared there, by words; Redis knows nothing of them. Clock: Redis's.
What was confirmed is as safe as Redis is set up to keep it: a flush loses what was not received.
"""

import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from secrets import token_hex
from typing import Any

from redis import exceptions

from folkmoot.brokers.address import Address
from folkmoot.brokers.eventwire import WEEK_S, Buried, Come, EventEars, Settled, Word
from folkmoot.brokers.redis.client import Client, Command
from folkmoot.brokers.redis.keys import Keys
from folkmoot.brokers.wire import FETCH_S
from folkmoot.core import envelope as envelopes
from folkmoot.core.envelope import Envelope
from folkmoot.core.events import matches

EVENT_LEASE_S = 30.0
"""How long what a dead taker held stays away."""
_GROUP = "agents"
_CLAIM_EVERY = 2
_KEEP_EVERY = 60
"""In beats: taking over from the dead; saying that a subscription is served, forgetting those that are not."""
_CLAIMED = 100
_ABANDONED_MS = 86_400_000


class RedisEvents:
    """One process's connections to Redis, for events."""

    capabilities = frozenset({"shared"})
    refusals: tuple[type[BaseException], ...] = (
        exceptions.AuthenticationError,
        exceptions.NoPermissionError,
    )

    def __init__(self, address: Address, lease_s: float = EVENT_LEASE_S) -> None:
        """`lease_s`: how long a taker may say nothing about what it holds."""
        self._url = address.url
        self._keys = Keys(address.prefix)
        self._lease_ms = round(lease_s * 1000)
        self._name = ""
        self._saying: Client | None = None
        self._fetching: Client | None = None
        self._served: dict[str, set[str]] = {}
        self._came: deque[Come] = deque()
        self._beats = 0

    async def join(self, ears: EventEars) -> None:  # noqa: ARG002 - it notices nothing by itself
        """Connect twice: for words, and for waiting."""
        self._name = token_hex(8)
        self._saying, self._fetching = Client(self._url), Client(self._url)
        await self._saying.connect()
        await self._fetching.connect()

    async def leave(self) -> None:
        """Let go at once."""
        gone = (self._saying, self._fetching)
        self._saying = self._fetching = None
        self._served, self._came = {}, deque()
        for client in gone:
            if client is not None:
                with suppress(Exception):
                    await client.close()

    async def attend(self, name: str, patterns: Sequence[str]) -> None:
        """Make the stream and its group, and write down what is wanted."""
        stream, saying = self._keys.stream(name), self._ours()
        with suppress(exceptions.ResponseError):  # BUSYGROUP: it is there already
            await saying.one("XGROUP", "CREATE", stream, _GROUP, "0", "MKSTREAM")
        self._served.setdefault(name, set()).update(patterns)
        await self._keep(saying, name)

    async def forsake(self, name: str) -> None:
        """Read its stream no more, and give back what was read ahead."""
        self._served.pop(name, None)
        back = [come for come in self._came if come.subscription == name]
        for come in back:
            self._came.remove(come)
        await self._ours().all([self._settled(Settled(come, "back")) for come in back])

    async def say(self, words: Sequence[Word]) -> None:
        """Add events to the streams of those who want them; say what became of others."""
        saying = self._ours()
        events = [word for word in words if isinstance(word, Envelope)]
        commands = [self._settled(word) for word in words if isinstance(word, Settled)]
        if events:
            wanted = await self._wanted(saying)
            if not self._served.keys() <= wanted.keys():
                raise ConnectionError("the server has lost our subscriptions")
            commands += [
                ("XADD", self._keys.stream(name), "*", "event", envelopes.write(event))
                for event in events
                for name, patterns in wanted.items()
                if any(matches(pattern, event.event_type) for pattern in patterns)
            ]
        await saying.all(commands)

    async def fetch(self, limit: int) -> list[Come]:
        """Return what was taken over; else read, and wait if there is nothing."""
        if not self._came and self._served and self._fetching is not None:
            names = list(self._served)
            streams = [self._keys.stream(name) for name in names]
            head: Command = ("XREADGROUP", "GROUP", _GROUP, self._name, "COUNT", limit)
            wait: Command = ("BLOCK", round(FETCH_S * 1000), "STREAMS", *streams)
            found = await self._fetching.one(*head, *wait, *(">" for _ in streams))
            by_stream = dict(zip(streams, names, strict=True))
            for stream, entries in found or ():
                self._take(by_stream[stream.decode()], entries)
        return [self._came.popleft() for _ in range(min(limit, len(self._came)))]

    async def beat(self) -> None:
        """Take over what dead takers held; say what is served, and forget what is not."""
        saying = self._ours()
        self._beats += 1
        names = list(self._served) if self._beats % _CLAIM_EVERY == 0 else []
        claims = [self._claim(self._keys.stream(name)) for name in names]
        for name, claimed in zip(names, await saying.all(claims), strict=True):
            self._take(name, claimed[1])
        for name in list(self._served) if self._beats % _KEEP_EVERY == 0 else ():
            await self._keep(saying, name)
        await saying.one("PING")

    # --- within ---

    def _ours(self) -> Client:
        if self._saying is None:
            raise ConnectionError("not connected")
        return self._saying

    def _claim(self, stream: str) -> Command:
        claim = ("XAUTOCLAIM", stream, _GROUP, self._name, self._lease_ms, "0")
        return (*claim, "COUNT", _CLAIMED)

    def _take(self, name: str, entries: Sequence[Any]) -> None:
        """Take entries in. One whose fields are gone was deleted while it was pending."""
        for entry in entries:
            if entry is not None and entry[1]:
                fields = dict(zip(entry[1][::2], entry[1][1::2], strict=True))
                self._came.append(Come(name, "", fields.get(b"event", b""), entry[0]))

    def _settled(self, word: Settled | Buried) -> Command:
        assert isinstance(word, Settled)
        stream = self._keys.stream(word.come.subscription)
        if word.how == "back":
            claim = ("XCLAIM", stream, _GROUP, self._name, 0, word.come.mark)
            return (*claim, "IDLE", _ABANDONED_MS, "JUSTID")
        # In one step, so that the stream's length is what waits and what is under way.
        text = "redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) return redis.call('XDEL', KEYS[1], ARGV[2])"
        return ("EVAL", text, 1, stream, _GROUP, word.come.mark)

    async def _keep(self, saying: Client, name: str) -> None:
        now = str(round(time.time() * 1000))
        pairs = [x for pattern in self._served[name] for x in (f"{name} {pattern}", now)]
        await saying.one("HSET", self._keys.subscriptions, *pairs)
        idle = await saying.one("XINFO", "CONSUMERS", self._keys.stream(name), _GROUP)
        for fields in idle:
            taker = dict(zip(fields[::2], fields[1::2], strict=True))
            if not taker[b"pending"] and taker[b"idle"] > _ABANDONED_MS:
                stream = self._keys.stream(name)
                await saying.one("XGROUP", "DELCONSUMER", stream, _GROUP, taker[b"name"])

    async def _wanted(self, saying: Client) -> dict[str, set[str]]:
        """Return the patterns of each subscription; those that nobody served for a week end here."""
        found = await saying.one("HGETALL", self._keys.subscriptions)
        oldest = (time.time() - WEEK_S) * 1000
        wanted: dict[str, set[str]] = {}
        stale: dict[str, list[bytes]] = {}
        for field, seen in zip(found[::2], found[1::2], strict=True):
            name, _, pattern = field.decode().partition(" ")
            if float(seen) < oldest:
                stale.setdefault(name, []).append(field)
            else:
                wanted.setdefault(name, set()).add(pattern)
        for name, fields in stale.items():
            await saying.one("HDEL", self._keys.subscriptions, *fields)
            if name not in wanted:
                await saying.one("DEL", self._keys.stream(name))
        return wanted
