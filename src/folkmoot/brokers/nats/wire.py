"""NATS: announcements in a JetStream work queue, events over core NATS.

States of an announcement: in the stream -> handed over -> gone (acked), or handed over again (nak, or
nobody said a word for LEASE_S). A subject for each run and one message a subject: what is announced
again takes the place of what was announced before, so nothing waits twice. `Nats-Msg-Id` is new for
each announcement and the same when we say one twice for want of an answer: a run that comes back soon
(a signal right after its wait began) must never be taken for a repetition.
Priorities are consumers; what is there is asked for in their order. When nothing is there, one request
waits at each; what one of them brings while nobody fetches goes back at once.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from nats.aio.subscription import Subscription
from nats.errors import AuthorizationError

from folkmoot.brokers.address import Address
from folkmoot.brokers.log import warn
from folkmoot.brokers.nats.client import Answers, Asking, Direct, Pull, Refused, confirm
from folkmoot.brokers.nats.subjects import subject, subjects, topic, word
from folkmoot.brokers.wire import FETCH_S, Ears
from folkmoot.brokers.words import Back, Done, Put, Taken, Word
from folkmoot.core.events import Event
from folkmoot.core.task import PRIORITIES

LEASE_S = 6.0
"""How long what a dead taker held stays away: as long as a dead worker's runs do, by default."""
_NS = 1_000_000_000
_WINDOW_S = 10
"""How long the server knows a Nats-Msg-Id: longer than we try to say one announcement."""

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
        self._pulls, self._subscriptions = {}, {}
        if client is not None:
            with suppress(Exception):
                async with asyncio.timeout(0.5):
                    await client.close()

    async def say(self, words: Sequence[Word]) -> None:
        """Say all; wait for what the server confirms."""
        client, asking = self._ours()
        confirmed = []
        for said in words:
            if isinstance(said, Put):
                confirmed.append(await self._announce(asking, said))
            elif isinstance(said, Event):
                await self._tell(client, said)
            else:
                await client.publish(said.taken.mark, b"+ACK" if _done(said) else b"-NAK")
        if confirmed:
            await asyncio.gather(*(answers.over for answers in confirmed))
            for answers in confirmed:
                confirm(answers)
        elif any(isinstance(said, Back) for said in words):
            await client.flush(2)

    async def fetch(self, queue: str, limit: int) -> list[Taken]:
        """Ask each consumer what it has, urgent first; then wait at all of them."""
        client, asking = self._ours()
        if queue not in self._pulls:
            await self._make_consumers(client, asking, queue)
        pulls = self._pulls[queue]
        self._fetching.add(queue)
        try:
            found = await self._look(queue, pulls, limit)
            return found or await self._wait(queue, pulls, limit)
        finally:
            self._fetching.discard(queue)
            for priority, pull in pulls.items():
                self._clear(queue, priority, pull)

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
        if patterns:
            await client.flush(2)

    async def unfollow(self, patterns: Sequence[str]) -> None:
        """Unsubscribe."""
        client, _ = self._ours()
        for pattern in patterns:
            for subscription in self._subscriptions.pop(pattern, []):
                await client.deafen(subscription)

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

    async def _announce(self, asking: Asking, put: Put) -> Answers:
        name = f"{self._root}.work.{word(put.queue)}.{put.priority}.{word(put.run)}"
        return await asking.ask(name, put.run.encode(), headers={"Nats-Msg-Id": put.mark})

    async def _tell(self, client: Direct, event: Event) -> None:
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
                found += _collected(queue, priority, pull, room)
            elif room > 0:
                answers = await pull.ask({"batch": room, "no_wait": True})
                await answers.over
                found += _collected(queue, priority, pull, room)
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
            found += _collected(queue, priority, pull, limit - len(found))
        return found

    def _arrived(self, queue: str, priority: str, pull: Pull, _over: object) -> None:
        if queue not in self._fetching:
            self._clear(queue, priority, pull)

    def _clear(self, queue: str, priority: str, pull: Pull) -> None:
        """Give back what a finished request has brought and nobody wants."""
        if pull.answers is not None and pull.answers.over.done():
            with suppress(ConnectionError):  # the next fetch meets the fault itself
                for reply, body in pull.collect():
                    self._surplus(queue, priority, reply, body)

    def _surplus(self, queue: str, priority: str, reply: str, body: bytes) -> None:
        if self._ears is not None:
            self._ears.surplus(Taken(queue, body.decode(), priority, reply))

    def _hear(self, pattern: str, name: str, _reply: str, body: bytes, _headers: bytes) -> None:
        if self._ears is not None:
            self._ears.hear(Event(topic(name.removeprefix(f"{self._root}.events.")), body), pattern)


def _done(said: Word) -> bool:
    return isinstance(said, Done)


def _collected(queue: str, priority: str, pull: Pull, room: int) -> list[Taken]:
    """Return what a request has brought; nothing while it waits on, or without room."""
    answers = pull.answers
    if answers is None or not answers.over.done() or (answers.found and room <= 0):
        return []
    return [Taken(queue, body.decode(), priority, reply) for reply, body in pull.collect()]
