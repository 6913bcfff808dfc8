"""Events through PostgreSQL alone: a table of subscriptions, a table of events that wait for them.

States of an event: waiting, a row for each subscription that wants it -> taken (a taker and a lease on
the row) -> gone (acked), or waiting again (given back, or the lease was over). Patterns are compared by
the database when an event is emitted, as regular expressions over words. Takers look when they are told
to, and every FETCH_S seconds: a notification is a hint. Clock: the server's.
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from importlib import resources
from secrets import token_hex

from folkmoot.brokers.address import Address
from folkmoot.brokers.eventwire import WEEK_S, Come, EventEars, Settled, Word
from folkmoot.brokers.postgres.session import REFUSALS, Connection, connect
from folkmoot.brokers.wire import FETCH_S
from folkmoot.core import envelope as envelopes
from folkmoot.core.envelope import Envelope
from folkmoot.core.task import PRIORITIES

EVENT_LEASE_S = 30.0
"""How long what a dead taker held stays away."""
_SEEN_EVERY = 60
"""In beats: saying that a subscription is served."""
_HEADING = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)


@cache
def statements(prefix: str) -> dict[str, str]:
    """Return our statements by name, for the tables with this prefix."""
    text = resources.files("folkmoot.brokers.postgres").joinpath("events.sql").read_text()
    name = prefix.replace('"', '""')
    text = text.replace("{events}", f'"{name}folkmoot_events"')
    text = text.replace("{subscriptions}", f'"{name}folkmoot_subscriptions"')
    text = re.sub(r"\{index\}_(\w+)", rf'"{name}folkmoot_events_\1"', text)
    parts = _HEADING.split(text)[1:]
    return {
        key: _COMMENT.sub("", body).strip()
        for key, body in zip(parts[::2], parts[1::2], strict=True)
    }


def expression(pattern: str) -> str:
    """Return a pattern as a regular expression for `.<event_type>`: every word has a dot before it."""
    pieces = {"*": r"\.[^.]+", "#": r"(\.[^.]+)*"}
    found = "".join(pieces.get(word, rf"\.{re.escape(word)}") for word in pattern.split("."))
    return f"^{found}$"


class PostgresEvents:
    """One process's connections to PostgreSQL, for events."""

    capabilities = frozenset({"shared", "durable"})
    refusals = REFUSALS

    def __init__(self, address: Address, lease_s: float = EVENT_LEASE_S) -> None:
        """`lease_s` should be several seconds: it is kept once a second."""
        self._url = address.url
        self._sql = statements(address.prefix)
        self._channel = f"{address.prefix}folkmoot_arrivals"
        self._lease = timedelta(seconds=lease_s)
        self._name = ""
        self._saying: Connection = None
        self._taking: Connection = None
        self._served: set[str] = set()
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self._beats = 0

    async def join(self, ears: EventEars) -> None:
        """Connect twice, for speaking and for taking, and see that the tables are there."""
        self._name, self._turn, self._news = token_hex(8), asyncio.Lock(), asyncio.Event()
        self._saying = await self._connect(ears)
        async with self._saying.transaction():
            # Two who make the same table at once would meet an error.
            await self._saying.execute(self._sql["lock"], self._channel)
            await self._saying.execute(self._sql["make"])
        self._taking = await self._connect(ears)
        await self._taking.add_listener(self._channel, self._told)

    async def leave(self) -> None:
        """Let go at once."""
        gone = (self._saying, self._taking)
        self._saying = self._taking = None
        self._served = set()
        for connection in gone:
            if connection is not None:
                with suppress(Exception):
                    connection.terminate()

    async def attend(self, name: str, patterns: Sequence[str]) -> None:
        """Write down what is wanted."""
        wanted = list(dict.fromkeys(patterns))
        async with self._turn:
            await self._ours().execute(
                self._sql["attend"], name, wanted, [expression(pattern) for pattern in wanted]
            )
        self._served.add(name)
        self._news.set()

    async def forsake(self, name: str) -> None:
        """Take no more."""
        self._served.discard(name)

    async def say(self, words: Sequence[Word]) -> None:
        """Say words of one kind with one statement."""
        async with self._turn:
            await self._emit([word for word in words if isinstance(word, Envelope)])
            await self._settle([word for word in words if isinstance(word, Settled)])

    async def fetch(self, limit: int) -> list[Come]:
        """Take what is there; if there is nothing, wait to be told, and look again."""
        self._news.clear()
        found = await self._take(limit)
        if not found:
            with suppress(TimeoutError):
                async with asyncio.timeout(FETCH_S):
                    await self._news.wait()
            found = await self._take(limit)
        return found

    async def beat(self) -> None:
        """Keep our lease, reap those that are over; now and then, what nobody serves any more."""
        saying, sql = self._ours(), self._sql
        self._beats += 1
        async with self._turn:
            await saying.execute(sql["keep"], self._name, self._lease)
            await self._notify([row[0] for row in await saying.fetch(sql["reap"])])
            if self._beats % _SEEN_EVERY == 0:
                await saying.execute(sql["seen"], list(self._served))
                await saying.execute(sql["forget"], timedelta(seconds=WEEK_S))
                await saying.execute(sql["sweep"])

    # --- within ---

    def _ours(self) -> Connection:
        if self._saying is None:
            raise ConnectionError("not connected")
        return self._saying

    async def _connect(self, ears: EventEars) -> Connection:
        return await connect(self._url, "folkmoot-events", ears.broken)

    async def _emit(self, envelopes_: list[Envelope]) -> None:
        if not envelopes_:
            return
        rows = [
            (x.event_id, x.event_type, PRIORITIES.index(x.priority), envelopes.write(x))
            for x in {x.event_id: x for x in envelopes_}.values()
        ]
        columns = [list(column) for column in zip(*rows, strict=True)]
        told = await self._ours().fetch(self._sql["emit"], *columns)
        await self._notify([row[0] for row in told])

    async def _settle(self, words: list[Settled]) -> None:
        if done := [word.come.mark for word in words if word.how != "back"]:
            await self._ours().execute(self._sql["done"], done, self._name)
        if back := [word.come.mark for word in words if word.how == "back"]:
            told = await self._ours().fetch(self._sql["back"], back, self._name)
            await self._notify([row[0] for row in told])

    async def _notify(self, names: list[str]) -> None:
        if names:
            await self._ours().execute(self._sql["notify"], self._channel, list(set(names)))

    async def _take(self, limit: int) -> list[Come]:
        rows = await self._taking.fetch(
            self._sql["take"], list(self._served), limit, self._name, self._lease
        )
        rows.sort(key=lambda row: (row["priority"], row["id"]))
        return [Come(row["subscription"], "", row["body"], row["id"]) for row in rows]

    def _told(self, _connection: object, _pid: int, _channel: str, name: str) -> None:
        if name in self._served:
            self._news.set()
