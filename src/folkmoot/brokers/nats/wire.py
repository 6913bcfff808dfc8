"""NATS: announcements in a JetStream work queue, events over core NATS.

States of an announcement: in the stream -> handed over -> gone (acked), or handed over again (nak, or
nobody said a word for LEASE_S). What is said together travels together (bundles.py). A run that is
announced alone has a subject of its own, and one message is kept of a subject: what is announced again
takes the place of what was announced before. `Nats-Msg-Id` is new for each announcement and the same
when we say one twice for want of an answer: a run that comes back soon (a signal right after its wait
began) must never be taken for a repetition.
Priorities are consumers; what is there is asked for in their order. When nothing is there, one request
waits at each; what one of them brings while nobody fetches goes back at once.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from secrets import token_hex

from nats.aio.subscription import Subscription
from nats.errors import AuthorizationError

from folkmoot.brokers.address import Address
from folkmoot.brokers.log import warn
from folkmoot.brokers.nats.bundles import (
    Announcement,
    anew,
    announcements,
    divided,
    heard_in,
    pack,
    runs_in,
    unpack,
)
from folkmoot.brokers.nats.client import Answers, Asking, Came, Direct, Pull, Refused, confirm
from folkmoot.brokers.nats.subjects import subject, subjects, topic, word
from folkmoot.brokers.together import Bundle, gathered
from folkmoot.brokers.wire import FETCH_S, Ears
from folkmoot.brokers.words import Back, Done, Put, Taken, Word
from folkmoot.core.events import Event
from folkmoot.core.task import PRIORITIES

LEASE_S = 6.0
"""How long what a dead taker held stays away: as long as a dead worker's runs do, by default."""
_NS = 1_000_000_000
_WINDOW_S = 10
"""How long the server knows a Nats-Msg-Id: longer than we try to say one announcement."""
_REMEMBERED = 100
"""Messages of several hints that may come by a second way."""

_Pulls = dict[str, Pull]


class NatsWire:
    """One process's connection to NATS."""

    capabilities = frozenset({"ordered", "shared", "redelivers"})
    refusals: tuple[type[BaseException], ...] = (AuthorizationError, Refused)

    def __init__(self, address: Address, lease_s: float = LEASE_S) -> None:
        """`lease_s`: how long a taker may say nothing about what it holds."""
        self._url = address.url
        self._root = f"{address.prefix}folkmoot"
        self._stream = f"{address.prefix}FOLKMOOT_WORK"
        self._lease_s = lease_s
        self._created = ""
        self._client: Direct | None = None
        self._asking: Asking | None = None
        self._ears: Ears | None = None
        self._pulls: dict[str, _Pulls] = {}
        self._fetching: set[str] = set()
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._several: dict[str, Subscription] = {}
        self._heard: deque[str] = deque(maxlen=_REMEMBERED)
        self._garbled: list[Came] = []
        self._size = 1.0
        self._name = token_hex(8)
        self._count = count()

    async def join(self, ears: Ears) -> None:
        """Connect, and see that there is a stream."""
        self._ears = ears
        self._client = Direct()
        await self._client.open(self._url, ears.broken)
        self._asking = Asking(self._client)
        await self._asking.open()
        created = await self._make_stream(self._asking)
        if self._created and created != self._created:
            ears.emptied()
        self._created = created

    async def leave(self) -> None:
        """Let go."""
        client, self._client = self._client, None
        self._asking = None
        self._pulls, self._subscriptions, self._several = {}, {}, {}
        if client is not None:
            with suppress(Exception):
                async with asyncio.timeout(0.5):
                    await client.close()

    async def say(self, words: Sequence[Word]) -> None:
        """Say all, much of it in few messages; wait for what the server confirms.

        What goes back of several is ours until its new announcement is confirmed.
        """
        client, asking = self._ours()
        whole, split = divided([said for said in words if isinstance(said, Back)])
        puts = [*(said for said in words if isinstance(said, Put)), *map(anew, split)]
        confirmed = [await self._announce(asking, each) for each in announcements(puts)]
        await self._tell(client, [said for said in words if isinstance(said, Event)])
        for bundle in whole:
            await client.publish(bundle.message, b"-NAK")
        await _finish(client, [said for said in words if isinstance(said, Done)])
        if confirmed:
            await asyncio.gather(*(answers.over for answers in confirmed))
            for answers in confirmed:
                confirm(answers)
        elif whole:
            await client.flush(2)
        await _finish(client, split)

    async def fetch(self, queue: str, limit: int) -> list[Taken]:
        """Ask each consumer what it has, urgent first; then wait at all of them."""
        client, asking = self._ours()
        if queue not in self._pulls:
            await self._make_consumers(client, asking, queue)
        pulls = self._pulls[queue]
        self._fetching.add(queue)
        try:
            found = await self._look(queue, pulls, limit)
            found = found or await self._wait(queue, pulls, limit)
            await self._refuse(client)
        finally:
            self._fetching.discard(queue)
            for priority, pull in pulls.items():
                self._clear(queue, priority, pull)
        for taken in found[limit:]:
            if self._ears is not None:
                self._ears.surplus(taken)
        return found[:limit]

    async def rest(self) -> None:
        """Call off what waits at the server."""
        for pulls in self._pulls.values():
            for pull in pulls.values():
                await pull.close()
        await self._ours()[0].flush(1)

    async def follow(self, patterns: Sequence[str]) -> None:
        """Subscribe, and wait until the server has done it."""
        client, _ = self._ours()
        for pattern in patterns:
            hear = partial(self._hear, pattern)
            self._subscriptions[pattern] = [
                await client.hear(f"{self._root}.events.{part}", hear) for part in subjects(pattern)
            ]
            shared = heard_in(pattern)
            if shared not in self._several:
                heard = await client.hear(f"{self._root}.many.{shared}", self._hear_several)
                self._several[shared] = heard
        if patterns:
            await client.flush(2)

    async def unfollow(self, patterns: Sequence[str]) -> None:
        """Unsubscribe."""
        client, _ = self._ours()
        for pattern in patterns:
            for subscription in self._subscriptions.pop(pattern, []):
                await client.deafen(subscription)
        for shared in self._several.keys() - set(map(heard_in, self._subscriptions)):
            await client.deafen(self._several.pop(shared))

    async def beat(self) -> None:
        """Ask for a sign of life; leases are the server's."""
        client, _ = self._ours()
        await client.flush(2)

    # --- within ---

    def _ours(self) -> tuple[Direct, Asking]:
        if self._client is None or self._asking is None:
            raise ConnectionError("not connected")
        return self._client, self._asking

    async def _make_stream(self, asking: Asking) -> str:
        """Make the stream, or take what is there: replicas and storage are the operator's."""
        with suppress(Refused):
            made = await asking.api(f"STREAM.INFO.{self._stream}", {})
            return str(made["created"])
        made = await asking.api(
            f"STREAM.CREATE.{self._stream}",
            {
                "name": self._stream,
                "subjects": [f"{self._root}.work.>"],
                "retention": "workqueue",
                "storage": "file",
                "discard": "old",
                "max_msgs_per_subject": 1,
                "duplicate_window": _WINDOW_S * _NS,
                "num_replicas": 1,
            },
        )
        return str(made["created"])

    async def _make_consumers(self, client: Direct, asking: Asking, queue: str) -> None:
        pulls: _Pulls = {}
        for priority in PRIORITIES:
            name = self._consumer(queue, priority)
            config = {
                "durable_name": name,
                "ack_policy": "explicit",
                "ack_wait": round(self._lease_s * _NS),
                "max_ack_pending": -1,
                "max_deliver": -1,
                "filter_subject": f"{self._root}.work.{word(queue)}.{priority}.*",
            }
            question = {"stream_name": self._stream, "config": config}
            await asking.api(f"CONSUMER.DURABLE.CREATE.{self._stream}.{name}", question)
            pulls[priority] = Pull(
                client, f"{self._stream}.{name}", partial(self._surplus, queue, priority)
            )
            await pulls[priority].open()
        self._pulls[queue] = pulls

    def _consumer(self, queue: str, priority: str) -> str:
        plain = queue if queue.replace("_", "").replace("-", "").isalnum() else queue.encode().hex()
        return f"{plain}_{priority}"

    async def _announce(self, asking: Asking, said: Announcement) -> Answers:
        name = f"{self._root}.work.{said.name}"
        return await asking.ask(name, said.body, headers={"Nats-Msg-Id": said.mark})

    async def _tell(self, client: Direct, events: Sequence[Event]) -> None:
        for last, alike in gathered(events):
            body = pack(f"{self._name}{next(self._count)}", alike) if len(alike) > 1 else b""
            if body and len(body) <= client.max_payload:
                await client.publish(f"{self._root}.many.{word(last)}", body)
            else:
                for event in alike:
                    await self._tell_one(client, event)

    async def _tell_one(self, client: Direct, event: Event) -> None:
        if len(event.body) > client.max_payload:
            warn("event_too_large", topic=event.topic, bytes=len(event.body))
            return
        await client.publish(f"{self._root}.events.{subject(event.topic)}", event.body)

    async def _look(self, queue: str, pulls: _Pulls, limit: int) -> list[Taken]:
        """Take what is there; where a request waits, there is only what it has brought."""
        found: list[Taken] = []
        for priority, pull in pulls.items():
            room = limit - len(found)
            if pull.answers is not None:
                found += self._collected(queue, priority, pull, room)
            elif room > 0:
                messages = max(1, int(room / self._size))
                answers = await pull.ask({"batch": messages, "no_wait": True})
                await answers.over
                found += self._collected(queue, priority, pull, room)
        return found

    async def _wait(self, queue: str, pulls: _Pulls, limit: int) -> list[Taken]:
        """Wait at all consumers for the first message; what else came by then is taken, too."""
        for priority, pull in pulls.items():
            if pull.answers is None:
                answers = await pull.ask({"batch": 1, "expires": round(FETCH_S * _NS)})
                answers.over.add_done_callback(partial(self._arrived, queue, priority, pull))
        pending = [pull.answers.over for pull in pulls.values() if pull.answers is not None]
        await asyncio.wait(pending, timeout=FETCH_S, return_when=asyncio.FIRST_COMPLETED)
        found: list[Taken] = []
        for priority, pull in pulls.items():
            found += self._collected(queue, priority, pull, limit - len(found))
        return found

    def _arrived(self, queue: str, priority: str, pull: Pull, _over: object) -> None:
        if queue not in self._fetching:
            self._clear(queue, priority, pull)

    def _collected(self, queue: str, priority: str, pull: Pull, room: int) -> list[Taken]:
        """Return what a request has brought; nothing while it waits on, or without room."""
        answers = pull.answers
        if answers is None or not answers.over.done() or (answers.found and room <= 0):
            return []
        found: list[Taken] = []
        largest = self._size / 2
        for message in pull.collect():
            taken = _read(queue, priority, message)
            if not taken:
                self._garbled.append(message)
            largest = max(largest, len(taken))
            found += taken
        if found:
            self._size = max(1, largest)
        return found

    async def _refuse(self, client: Direct) -> None:
        """Have what nobody can read thrown away."""
        while self._garbled:
            name, reply, body = self._garbled.pop()
            warn("announcement_garbled", subject=name, bytes=len(body))
            await client.publish(reply, b"+TERM")

    def _clear(self, queue: str, priority: str, pull: Pull) -> None:
        """Give back what a finished request has brought and nobody wants."""
        if pull.answers is not None and pull.answers.over.done():
            with suppress(ConnectionError):  # the next fetch meets the fault itself
                self._surplus(queue, priority, pull.collect())

    def _surplus(self, queue: str, priority: str, messages: list[Came]) -> None:
        for message in messages:
            for taken in _read(queue, priority, message):
                if self._ears is not None:
                    self._ears.surplus(taken)

    def _hear(self, pattern: str, name: str, _reply: str, body: bytes, _headers: bytes) -> None:
        if self._ears is not None:
            self._ears.hear(Event(topic(name.removeprefix(f"{self._root}.events.")), body), pattern)

    def _hear_several(self, _name: str, _reply: str, body: bytes, _headers: bytes) -> None:
        """Take in several hints, once: `many.*` and `many.<word>` both bring them."""
        mark, events = unpack(body)
        if mark in self._heard or self._ears is None:
            return
        self._heard.append(mark)
        for event in events:
            self._ears.hear(event)


def _read(queue: str, priority: str, message: Came) -> list[Taken]:
    """Return the announcements in a message; none when it cannot be read."""
    name, reply, body = message
    runs = runs_in(name, body)
    bundle = Bundle(reply, len(runs))
    return [Taken(queue, run, priority, bundle) for run in runs]


async def _finish(client: Direct, words: Sequence[Done | Back]) -> None:
    """Deal with these; acknowledge the messages of which they were the last."""
    for said in words:
        bundle: Bundle[str] = said.taken.mark
        if bundle.finish():
            await client.publish(bundle.message, b"+ACK")
