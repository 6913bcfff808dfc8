"""RabbitMQ: a quorum queue for each priority, publisher confirms, a topic exchange for events.

States of an announcement: in a queue -> handed over -> gone (acked), or in the queue again (nack, or
the channel ended: RabbitMQ notices a dead taker by its connection, or by missing heartbeats).
An announcement is said when RabbitMQ confirms it. Events are sent without confirmation, into a queue of
each listening process's own, which is gone with its connection. RabbitMQ's `*` and `#` are ours.
What cannot be read as an announcement goes to the dead-letter queue, for a person to look at.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aio_pika import DeliveryMode, ExchangeType, Message, connect
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
)
from aio_pika.exceptions import (
    AuthenticationError,
    ChannelClosed,
    ChannelInvalidStateError,
    DeliveryError,
    IncompatibleProtocolError,
    ProbableAuthenticationError,
)

from folkmoot.brokers.address import Address
from folkmoot.brokers.log import warn
from folkmoot.brokers.rabbitmq.bundles import (
    MOST,
    Bundle,
    announcement,
    common,
    events_in,
    hints,
    runs_in,
)
from folkmoot.brokers.rabbitmq.hands import Found, Hands
from folkmoot.brokers.rabbitmq.names import Names
from folkmoot.brokers.wire import FETCH_S, Ears
from folkmoot.brokers.words import Back, Done, Put, Taken, Word
from folkmoot.core.events import Event

_LONGEST = 255
"""Bytes of a routing key."""
_WAITING = 10_000
"""Events that RabbitMQ keeps for a process that does not read; what comes then pushes out the oldest."""


class RabbitWire:
    """One process's connection to RabbitMQ."""

    capabilities = frozenset({"shared", "redelivers"})
    refusals: tuple[type[BaseException], ...] = (
        AuthenticationError,
        ProbableAuthenticationError,
        IncompatibleProtocolError,
    )

    def __init__(self, address: Address) -> None:
        """Connect with `join`."""
        self._url = address.url
        self._names = Names(address.prefix)
        self._ears: Ears | None = None
        self._connection: AbstractConnection | None = None
        self._putting: AbstractChannel | None = None
        self._telling: AbstractExchange | None = None
        self._hearing: AbstractQueue | None = None
        self._heard_on: AbstractChannel | None = None
        self._made: set[str] = set()
        self._hands: dict[str, Hands] = {}
        self._bound: Counter[str] = Counter()
        self._size = 1.0

    async def join(self, ears: Ears) -> None:
        """Connect, and see that the exchanges are there."""
        self._ears = ears
        connection = self._connection = await connect(self._url, timeout=5)
        connection.close_callbacks.add(
            lambda _, fault: ears.broken(fault or ConnectionResetError("the connection was closed"))
        )
        self._putting = await connection.channel()
        await self._putting.declare_exchange(self._names.dead, ExchangeType.DIRECT, durable=True)
        telling = await connection.channel(publisher_confirms=False)
        self._telling = await telling.declare_exchange(
            self._names.hints, ExchangeType.TOPIC, durable=True
        )
        self._heard_on = await connection.channel()
        self._hearing = await self._heard_on.declare_queue(
            exclusive=True, auto_delete=True, arguments={"x-max-length": _WAITING}
        )
        await self._hearing.consume(self._hear, no_ack=True)

    async def leave(self) -> None:
        """Let go. What we hold goes back by itself."""
        connection, self._connection = self._connection, None
        self._made, self._hands, self._bound = set(), {}, Counter()
        if connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(0.5):
                    await connection.close()

    async def say(self, words: Sequence[Word]) -> None:
        """Say all, much of it in few messages; wait for the confirmation of announcements.

        What is done with or goes back is said after that: until then it is still ours.
        """
        lines: dict[tuple[str, str], list[str]] = {}
        events: list[Event] = []
        settled: list[Done | Back] = []
        for word in words:
            if isinstance(word, Event):
                events.append(word)
            elif isinstance(word, Put):
                lines.setdefault((word.queue, word.priority), []).append(word.run)
            else:
                settled.append(word)
                taken = word.taken
                if isinstance(word, Back) and taken.mark.size > 1:
                    lines.setdefault((taken.queue, taken.priority), []).append(taken.run)
        await self._announce(lines)
        for topic, body, kind in hints(events):
            await self._tell(topic, body, kind)
        for each in settled:
            await _settle(each)

    async def fetch(self, queue: str, limit: int) -> list[Taken]:
        """Take what is there; if there is nothing, wait for the first."""
        hands = await self._taking(queue)
        messages = max(1, int(limit / self._size))
        found = await self._read(queue, await hands.look(messages))
        if not found:
            found = await self._read(queue, await hands.wait(FETCH_S))
        for taken in found[limit:]:
            if self._ears is not None:
                self._ears.surplus(taken)
        return found[:limit]

    async def rest(self) -> None:
        """Nothing waits for us: what was consumed is ours to give back."""

    async def follow(self, patterns: Sequence[str]) -> None:
        """Bind our queue."""
        assert self._hearing is not None
        for pattern in patterns:
            key = common(pattern)
            self._bound[key] += 1
            for each in (pattern, key) if self._bound[key] == 1 else (pattern,):
                await self._hearing.bind(self._names.hints, each)

    async def unfollow(self, patterns: Sequence[str]) -> None:
        """Unbind."""
        assert self._hearing is not None
        for pattern in patterns:
            key = common(pattern)
            self._bound[key] -= 1
            for each in (pattern,) if self._bound[key] else (pattern, key):
                await self._hearing.unbind(self._names.hints, each)

    async def beat(self) -> None:
        """Ask for a sign of life, and whether our queue is still there."""
        if self._heard_on is None or self._hearing is None:
            raise ConnectionError("not connected")
        await self._heard_on.declare_queue(self._hearing.name, passive=True)

    # --- within ---

    async def _make(self, name: str) -> None:
        """Make a queue, once a connection, with a place for what cannot be read."""
        assert self._putting is not None
        if name in self._made:
            return
        dead = await self._putting.declare_queue(f"dlq.{name}", durable=True)
        await dead.bind(self._names.dead, f"dlq.{name}")
        arguments: dict[str, Any] = {
            "x-queue-type": "quorum",
            "x-dead-letter-exchange": self._names.dead,
            "x-dead-letter-routing-key": f"dlq.{name}",
        }
        await self._putting.declare_queue(name, durable=True, arguments=arguments)
        self._made.add(name)

    async def _taking(self, queue: str) -> Hands:
        hands = self._hands.get(queue)
        if hands is None:
            if self._connection is None:
                raise ConnectionError("not connected")
            lines = self._names.lines(queue)
            for name in lines.values():
                await self._make(name)
            hands = self._hands[queue] = Hands(self._connection, lines)
            await hands.open()
        return hands

    async def _read(self, queue: str, found: Found) -> list[Taken]:
        """Return what was taken; what is no run's id goes to the dead-letter queue."""
        taken: list[Taken] = []
        for priority, message in found:
            runs = runs_in(message)
            if not runs:
                warn("announcement_garbled", queue=queue, bytes=len(message.body))
                await message.reject()
                continue
            bundle = Bundle(message, len(runs))
            taken += [Taken(queue, run, priority, bundle) for run in runs]
        if found:
            self._size = max(1.0, (self._size + len(taken) / len(found)) / 2)
        return taken

    async def _announce(self, lines: dict[tuple[str, str], list[str]]) -> None:
        said = []
        for (queue, priority), runs in lines.items():
            name = self._names.line(queue, priority)
            await self._make(name)
            parts = (runs[at : at + MOST] for at in range(0, len(runs), MOST))
            said += [self._publish(name, *announcement(part)) for part in parts]
        try:
            await asyncio.gather(*said)
        except DeliveryError:
            # Somebody deleted the queue: the next connection makes it anew.
            if self._ears is not None:
                self._ears.emptied()
            raise

    async def _publish(self, name: str, body: bytes, kind: str | None) -> None:
        assert self._putting is not None
        message = Message(body, delivery_mode=DeliveryMode.PERSISTENT, content_type=kind)
        await self._putting.default_exchange.publish(message, name, mandatory=True)

    async def _tell(self, topic: str, body: bytes, kind: str) -> None:
        assert self._telling is not None
        if len(topic.encode()) > _LONGEST:
            warn("event_topic_too_long", bytes=len(topic))
            return
        message = Message(body, content_type=kind)
        await self._telling.publish(message, topic, mandatory=False)

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        if self._ears is not None:
            for event in events_in(message):
                self._ears.hear(event)


async def _settle(word: Done | Back) -> None:
    """Say what became of a message; one of an earlier connection is in its queue again already.

    What goes back of several was announced anew: here it is done with.
    """
    bundle: Bundle = word.taken.mark
    if not bundle.finish():
        return
    with suppress(ChannelInvalidStateError, ChannelClosed):
        if isinstance(word, Done) or bundle.size > 1:
            await bundle.message.ack()
        else:
            await bundle.message.nack(requeue=True)
