"""RabbitMQ: a quorum queue for each priority, publisher confirms, a topic exchange for events.

States of an announcement: in a queue -> handed over (and fetched: hands.py) -> gone (acked), or in the
queue again (nack, or the channel ended: RabbitMQ notices a dead taker by its connection, or by missing
heartbeats).
An announcement is said when RabbitMQ confirms it. Events are sent without confirmation, into a queue of
each listening process's own, which is gone with its connection. RabbitMQ's `*` and `#` are ours.
What cannot be read as an announcement goes to the dead-letter queue, for a person to look at.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiormq
from aio_pika import ExchangeType, connect
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aio_pika.exceptions import (
    AuthenticationError,
    ChannelClosed,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    DeliveryError,
    IncompatibleProtocolError,
    ProbableAuthenticationError,
)

from folkmoot.brokers.address import Address
from folkmoot.brokers.log import warn
from folkmoot.brokers.rabbitmq.bundles import Mail, announcement, events_in, heard_in, hints, parts
from folkmoot.brokers.rabbitmq.hands import Hands
from folkmoot.brokers.rabbitmq.names import Names
from folkmoot.brokers.rabbitmq.tally import Held, Tally
from folkmoot.brokers.together import Bundle
from folkmoot.brokers.wire import Ears
from folkmoot.brokers.words import Back, Done, Put, Taken, Word
from folkmoot.core.events import Event

_LONGEST = 255
"""Bytes of a routing key."""
_PERSISTENT = 2
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
        self._making: AbstractChannel | None = None
        self._putting: aiormq.Channel | None = None
        self._telling: aiormq.Channel | None = None
        self._hearing: AbstractQueue | None = None
        self._heard_on: AbstractChannel | None = None
        self._made: set[str] = set()
        self._hands: dict[str, Hands] = {}
        self._bound: Counter[str] = Counter()
        self._looked = 0

    async def join(self, ears: Ears) -> None:
        """Connect, and see that the exchanges are there."""
        self._ears = ears
        connection = self._connection = await connect(self._url, timeout=5)
        connection.close_callbacks.add(
            lambda _, fault: ears.broken(fault or ConnectionResetError("the connection was closed"))
        )
        making = self._making = await connection.channel(on_return_raises=True)
        await making.declare_exchange(self._names.dead, ExchangeType.DIRECT, durable=True)
        self._putting = await _inner(making)
        telling = await connection.channel(publisher_confirms=False)
        await telling.declare_exchange(self._names.hints, ExchangeType.TOPIC, durable=True)
        self._telling = await _inner(telling)
        self._heard_on = await connection.channel()
        self._hearing = await self._heard_on.declare_queue(
            exclusive=True, auto_delete=True, arguments={"x-max-length": _WAITING}
        )
        hearing = await _inner(self._heard_on)
        await hearing.basic_consume(self._hearing.name, self._hear, no_ack=True)

    async def leave(self) -> None:
        """Let go. What we hold goes back by itself."""
        connection, self._connection = self._connection, None
        for hands in self._hands.values():
            hands.drop()
        self._made, self._hands, self._bound = set(), {}, Counter()
        if connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(0.5):
                    await connection.close()

    async def say(self, words: Sequence[Word]) -> None:
        """Say all, much of it in few messages; wait for the confirmation of announcements.

        What goes back of several is announced anew, and done with after that: until then it is ours.
        """
        lines: dict[tuple[str, str], list[str]] = {}
        events: list[Event] = []
        done: list[Done | Back] = []
        back: list[Done | Back] = []
        for word in words:
            if isinstance(word, Event):
                events.append(word)
            elif isinstance(word, Done):
                done.append(word)
            elif isinstance(word, Put):
                lines.setdefault((word.queue, word.priority), []).append(word.run)
            else:
                back.append(word)
                taken = word.taken
                if taken.mark.size > 1:
                    lines.setdefault((taken.queue, taken.priority), []).append(taken.run)
        for topic, body, kind in hints(events):
            await self._tell(topic, body, kind)
        await _settle(done)
        await self._announce(lines)
        await _settle(back)

    async def fetch(self, queue: str, limit: int) -> list[Taken]:
        """Take what is there; if there is nothing, wait for the first."""
        return await (await self._taking(queue)).fetch(limit)

    async def rest(self) -> None:
        """Consume no more, and give back what came and nobody fetched."""
        for hands in self._hands.values():
            await hands.rest()

    async def follow(self, patterns: Sequence[str]) -> None:
        """Bind our queue."""
        assert self._hearing is not None
        for pattern in patterns:
            key = heard_in(pattern)
            self._bound[key] += 1
            for each in (pattern, key) if self._bound[key] == 1 else (pattern,):
                await self._hearing.bind(self._names.hints, each)

    async def unfollow(self, patterns: Sequence[str]) -> None:
        """Unbind."""
        assert self._hearing is not None
        for pattern in patterns:
            key = heard_in(pattern)
            self._bound[key] -= 1
            for each in (pattern,) if self._bound[key] else (pattern, key):
                await self._hearing.unbind(self._names.hints, each)

    async def beat(self) -> None:
        """Ask for a sign of life, and whether our queues are still there, one after the other.

        A consumer whose queue was deleted is not told in a way that all versions of the library pass on.
        """
        if self._heard_on is None or self._hearing is None:
            raise ConnectionError("not connected")
        names = [self._hearing.name, *sorted(self._made)]
        self._looked += 1
        try:
            await self._heard_on.declare_queue(names[self._looked % len(names)], passive=True)
        except ChannelNotFoundEntity:
            if self._ears is not None:
                self._ears.emptied()
            raise

    # --- within ---

    async def _make(self, name: str) -> None:
        """Make a queue, once a connection, with a place for what cannot be read."""
        assert self._making is not None
        if name in self._made:
            return
        dead = await self._making.declare_queue(f"dlq.{name}", durable=True)
        await dead.bind(self._names.dead, f"dlq.{name}")
        arguments: dict[str, Any] = {
            "x-queue-type": "quorum",
            "x-dead-letter-exchange": self._names.dead,
            "x-dead-letter-routing-key": f"dlq.{name}",
        }
        await self._making.declare_queue(name, durable=True, arguments=arguments)
        self._made.add(name)

    async def _taking(self, queue: str) -> Hands:
        hands = self._hands.get(queue)
        if hands is None:
            if self._connection is None or self._ears is None:
                raise ConnectionError("not connected")
            lines = self._names.lines(queue)
            for name in lines.values():
                await self._make(name)
            asking, streaming = await self._tally(), await self._tally()
            hands = self._hands[queue] = Hands(queue, lines, asking, streaming, self._ears)
        return hands

    async def _tally(self) -> Tally:
        """Open a channel to take from."""
        assert self._connection is not None
        channel = await self._connection.channel(publisher_confirms=False)
        return Tally(await _inner(channel))

    async def _announce(self, lines: dict[tuple[str, str], list[str]]) -> None:
        said = []
        for (queue, priority), runs in lines.items():
            name = self._names.line(queue, priority)
            await self._make(name)
            said += [self._publish(name, *announcement(part)) for part in parts(runs)]
        try:
            await asyncio.gather(*said)
        except DeliveryError:
            # Somebody deleted the queue: the next connection makes it anew.
            if self._ears is not None:
                self._ears.emptied()
            raise

    async def _publish(self, name: str, body: bytes, kind: str | None) -> None:
        assert self._putting is not None
        properties = aiormq.spec.Basic.Properties(delivery_mode=_PERSISTENT, content_type=kind)
        await self._putting.basic_publish(
            body, routing_key=name, properties=properties, mandatory=True, wait=False
        )

    async def _tell(self, topic: str, body: bytes, kind: str) -> None:
        assert self._telling is not None
        if len(topic.encode()) > _LONGEST:
            warn("event_topic_too_long", bytes=len(topic))
            return
        properties = aiormq.spec.Basic.Properties(content_type=kind)
        await self._telling.basic_publish(
            body, exchange=self._names.hints, routing_key=topic, properties=properties, wait=False
        )

    async def _hear(self, message: aiormq.abc.DeliveredMessage) -> None:
        if self._ears is not None:
            for event in events_in(Mail.of(message)):
                self._ears.hear(event)


async def _inner(channel: AbstractChannel) -> aiormq.Channel:
    """Return the channel within: it costs less for each message, and need not wait for the socket."""
    inner = await channel.get_underlay_channel()
    assert isinstance(inner, aiormq.Channel)
    return inner


async def _settle(words: Sequence[Done | Back]) -> None:
    """Say what became of messages; one of an earlier connection is in its queue again already.

    What goes back of several was announced anew: here it is done with.
    """
    tallies: dict[Tally, None] = {}
    for word in words:
        bundle: Bundle[Held] = word.taken.mark
        if not bundle.finish():
            continue
        held = bundle.message
        if isinstance(word, Done) or bundle.size > 1:
            held.tally.done(held.number)
            tallies[held.tally] = None
        else:
            with suppress(ChannelInvalidStateError, ChannelClosed):
                await held.tally.back(held.number)
    for tally in tallies:
        with suppress(ChannelInvalidStateError, ChannelClosed):
            await tally.say()
