"""Events over Redis's channels: a topic without wildcards is a channel, one with them a glob.

A glob of Redis knows no words: ours are widened to it, and what comes is compared again (feed.py).
"""

import asyncio
import re
from collections.abc import Sequence

from folkmoot.brokers.redis.client import Client
from folkmoot.brokers.wire import Ears
from folkmoot.core.events import Event

_SPECIAL = re.compile(r"([\\*?\[\]^])")
_WILD = frozenset({"*", "#"})


def glob(pattern: str) -> str:
    """Return a glob that fits at least what the pattern fits.

    >>> glob("run.*.delta"), glob("system.#"), glob("#.end")
    ('run.*.delta', 'system*', '*end')
    """
    found = ""
    for word in pattern.split("."):
        if word == "#":
            found = found.rstrip(".") + "*"
        else:
            found += "*" if word == "*" else _SPECIAL.sub(r"\\\1", word)
            found += "."
    return found.rstrip(".")


class Channels:
    """A connection that only hears."""

    def __init__(self, client: Client, prefix: str, ears: Ears) -> None:
        """`prefix` is in front of each channel's name."""
        self._client = client
        self._prefix = prefix
        self._ears = ears
        self._answers: dict[bytes, asyncio.Future[None]] = {}
        self._globs: dict[bytes, set[str]] = {}
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and begin to read."""
        await self._client.connect()
        self._task = asyncio.create_task(self._read(), name="folkmoot-redis-read")

    async def close(self) -> None:
        """Let go at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for answer in self._answers.values():
            answer.cancel()
        await self._client.close()

    async def follow(self, patterns: Sequence[str]) -> None:
        """Subscribe, and wait until the server has done it."""
        fresh = []
        for pattern in patterns:
            there = self._globs.setdefault(self._name(pattern), set())
            if not there:
                fresh.append(pattern)
            there.add(pattern)
        await self._ask("SUBSCRIBE", fresh)

    async def unfollow(self, patterns: Sequence[str]) -> None:
        """Unsubscribe from what nobody else needs."""
        stale = []
        for pattern in patterns:
            name = self._name(pattern)
            there = self._globs.get(name, set())
            there.discard(pattern)
            if not there and self._globs.pop(name, None) is not None:
                stale.append(pattern)
        await self._ask("UNSUBSCRIBE", stale)

    async def ping(self) -> None:
        """Ask for a sign of life: a connection that is cut off in silence would be deaf for ever."""
        answer = self._answers[b"pong"] = asyncio.get_running_loop().create_future()
        await self._client.send([("PING",)])
        await answer

    async def _ask(self, verb: str, patterns: Sequence[str]) -> None:
        kinds = [("P" if _wild(pattern) else "") + verb for pattern in patterns]
        names = [self._name(pattern) for pattern in patterns]
        loop = asyncio.get_running_loop()
        pairs = list(zip(kinds, names, strict=True))
        answers = {
            kind.lower().encode() + b" " + name: loop.create_future() for kind, name in pairs
        }
        self._answers.update(answers)
        if pairs:
            await self._client.send(pairs)
            await asyncio.gather(*answers.values())

    def _name(self, pattern: str) -> bytes:
        if _wild(pattern):
            return (_SPECIAL.sub(r"\\\1", self._prefix) + glob(pattern)).encode()
        return (self._prefix + pattern).encode()

    async def _read(self) -> None:
        try:
            while True:
                self._take(await self._client.wire.read_response())
        except Exception as fault:  # noqa: BLE001 - whatever it is, we are deaf
            self._ears.broken(fault)

    def _take(self, said: object) -> None:
        if not isinstance(said, list):
            self._resolve(b"pong")
        elif said[0] == b"message":
            self._hear(said[1], said[1], said[2])
        elif said[0] == b"pmessage":
            self._hear(said[1], said[2], said[3])
        elif said[0] == b"pong":
            self._resolve(b"pong")
        else:
            self._resolve(said[0] + b" " + said[1])

    def _hear(self, name: bytes, channel: bytes, body: bytes) -> None:
        topic = channel.decode().removeprefix(self._prefix)
        for pattern in self._globs.get(name, ()):
            self._ears.hear(Event(topic, body), pattern)

    def _resolve(self, question: bytes) -> None:
        answer = self._answers.pop(question, None)
        if answer is not None and not answer.done():
            answer.set_result(None)


def _wild(pattern: str) -> bool:
    return not _WILD.isdisjoint(pattern.split("."))
