"""PostgreSQL alone: announcements in a small table, hints and events by NOTIFY.

States of an announcement: waiting -> taken (a taker and a lease on the row) -> gone (done), or waiting
again as a new row (given back, or the lease was over). A run waits at most once.
Takers look when they are told to, and every FETCH_S seconds: a notification is a hint. Clock: the
server's. Every listening process hears all events and drops what it does not want; PostgreSQL cannot
choose for it. That is right for a few workers; for a fleet take Redis, NATS or RabbitMQ.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from importlib import resources
from itertools import groupby
from secrets import token_hex
from typing import Any

from folkmoot.brokers.address import Address
from folkmoot.brokers.log import warn
from folkmoot.brokers.postgres.pieces import Pieces, cut
from folkmoot.brokers.postgres.session import REFUSALS, Connection, connect
from folkmoot.brokers.wire import FETCH_S, Ears
from folkmoot.brokers.words import Back, Done, Put, Taken, Word
from folkmoot.core.events import Event
from folkmoot.core.task import PRIORITIES

LEASE_S = 6.0
"""How long what a dead taker held stays away: as long as a dead worker's runs do, by default."""
_HEADING = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)


@cache
def statements(prefix: str) -> dict[str, str]:
    """Return our statements by name, for the table with this prefix."""
    text = resources.files("folkmoot.brokers.postgres").joinpath("statements.sql").read_text()
    name = f"{prefix}folkmoot_announcements".replace('"', '""')
    text = text.replace("{index}", f'"{name}').replace("{table}", f'"{name}"')
    text = re.sub(r'("\S+)_(once|line|until) ON', r'\1_\2" ON', text)
    parts = _HEADING.split(text)[1:]
    return {
        key: _COMMENT.sub("", body).strip()
        for key, body in zip(parts[::2], parts[1::2], strict=True)
    }


class PostgresWire:
    """One process's connections to PostgreSQL."""

    capabilities = frozenset({"ordered", "shared", "redelivers"})
    refusals = REFUSALS

    def __init__(self, address: Address, lease_s: float = LEASE_S) -> None:
        """`lease_s` should be several seconds: it is kept once a second."""
        self._url = address.url
        self._sql = statements(address.prefix)
        self._work = f"{address.prefix}folkmoot_work"
        self._events = f"{address.prefix}folkmoot_events"
        self._lease = timedelta(seconds=lease_s)
        self._place = 0
        self._count = 0
        self._memory = ""
        self._name = ""
        self._ears: Ears | None = None
        self._saying: Connection = None
        self._hearing: Connection = None
        self._taking: dict[str, Connection] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._followed: set[str] = set()
        self._pieces = Pieces()
        self._turn = asyncio.Lock()

    async def join(self, ears: Ears) -> None:
        """Connect twice, for speaking and for hearing, and see that the table is there."""
        self._ears, self._name, self._turn = ears, token_hex(8), asyncio.Lock()
        self._saying = await self._connect(ears)
        async with self._saying.transaction():
            # Two who make the same table at once would meet an error.
            await self._saying.execute(self._sql["lock"], self._work)
            await self._saying.execute(self._sql["make"])
        self._hearing = await self._connect(ears)
        await self._hearing.add_listener(self._work, self._told)
        await self.beat()

    async def leave(self) -> None:
        """Let go at once."""
        gone = [self._saying, self._hearing, *self._taking.values()]
        self._saying = self._hearing = None
        self._taking, self._followed = {}, set()
        for connection in gone:
            if connection is not None:
                with suppress(Exception):
                    connection.terminate()

    async def say(self, words: Sequence[Word]) -> None:
        """Say words of one kind with one statement."""
        async with self._turn:
            for kind, group in groupby(words, type):
                await self._say(kind, list(group))

    async def fetch(self, queue: str, limit: int) -> list[Taken]:
        """Take what is there; if there is nothing, wait to be told, and look again."""
        connection = self._taking.get(queue)
        if connection is None:
            assert self._ears is not None
            connection = self._taking[queue] = await self._connect(self._ears)
        news = self._news.setdefault(queue, asyncio.Event())
        news.clear()
        found = await self._take(connection, queue, limit)
        if not found:
            with suppress(TimeoutError):
                async with asyncio.timeout(FETCH_S):
                    await news.wait()
            found = await self._take(connection, queue, limit)
        return found

    async def rest(self) -> None:
        """Give back all that we took, also what had not reached us."""
        async with self._turn:
            await self._ours().execute(self._sql["release"], self._name)
            await self._notify(self._work, list(self._taking))

    async def follow(self, patterns: Sequence[str]) -> None:
        """Listen, if nothing was followed before."""
        if patterns and not self._followed:
            await self._hearing.add_listener(self._events, self._hear)
        self._followed.update(patterns)

    async def unfollow(self, patterns: Sequence[str]) -> None:
        """Listen no more, if nothing is followed."""
        self._followed.difference_update(patterns)
        if patterns and not self._followed:
            await self._hearing.remove_listener(self._events, self._hear)

    async def beat(self) -> None:
        """Keep our lease, reap those that are over, notice an empty table, ask for a sign of life."""
        saying, sql = self._ours(), self._sql
        async with self._turn:
            await saying.execute(sql["keep"], self._name, self._lease)
            reaped = await saying.fetch(sql["reap"])
            if reaped:
                await self._notify(self._work, [row["queue"] for row in reaped])
            memory = await saying.fetchval(sql["which"])
            if memory is None:
                await saying.execute(sql["memory"], token_hex(8))
                memory = await saying.fetchval(sql["which"])
        if self._memory and memory != self._memory and self._ears is not None:
            self._ears.emptied()
        self._memory = memory
        await self._hearing.execute("SELECT 1")

    # --- within ---

    def _ours(self) -> Connection:
        if self._saying is None:
            raise ConnectionError("not connected")
        return self._saying

    async def _connect(self, ears: Ears) -> Connection:
        return await connect(self._url, "folkmoot-broker", ears.broken, synchronous_commit="off")

    async def _say(self, kind: type[Word], words: list[Any]) -> None:
        if kind is Put:
            await self._put(words)
        elif kind is Event:
            await self._notify(self._events, [text for word in words for text in self._cut(word)])
        else:
            name = "done" if kind is Done else "back"
            for taker, group in groupby(words, lambda word: word.taken.mark[0]):
                taken = [word.taken for word in group]
                ids = [each.mark[1] for each in taken]
                await self._ours().execute(self._sql[name], ids, taker)
                if kind is Back:
                    await self._notify(self._work, [each.queue for each in taken])

    async def _put(self, words: list[Put]) -> None:
        self._place = max(self._place, time.time_ns() // 1000)
        rows = [
            (word.queue, word.run, PRIORITIES.index(word.priority), self._place + n)
            for n, word in enumerate(words)
        ]
        self._place += len(rows)
        columns = [list(column) for column in zip(*rows, strict=True)]
        await self._ours().execute(self._sql["put"], *columns)
        await self._notify(self._work, [word.queue for word in words])

    async def _notify(self, channel: str, texts: list[str]) -> None:
        if texts:
            await self._ours().execute(self._sql["notify"], channel, list(dict.fromkeys(texts)))

    async def _take(self, connection: Connection, queue: str, limit: int) -> list[Taken]:
        rows = await connection.fetch(self._sql["take"], queue, limit, self._name, self._lease)
        rows.sort(key=lambda row: (row["priority"], row["place"]))
        return [
            Taken(queue, row["run"], PRIORITIES[row["priority"]], (self._name, row["id"]))
            for row in rows
        ]

    def _cut(self, event: Event) -> list[str]:
        self._count += 1
        texts = cut(f"{self._name}-{self._count}", event)
        if not texts:
            warn("event_topic_too_long", bytes=len(event.topic))
        return texts

    def _told(self, _connection: object, _pid: int, _channel: str, queue: str) -> None:
        news = self._news.get(queue)
        if news is not None:
            news.set()

    def _hear(self, _connection: object, _pid: int, _channel: str, text: str) -> None:
        event = self._pieces.add(text)
        if event is not None and self._ears is not None:
            self._ears.hear(event)
