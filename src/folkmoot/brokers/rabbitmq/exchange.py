"""Events through RabbitMQ: a topic exchange, a queue for each subscription, a place for the dead.

States of an event: in the queue of each subscription whose binding fits -> handed over -> gone (acked),
in the queue again (nack, or the channel ended), or in `dlq.<queue>` (rejected). An event is emitted when
RabbitMQ has confirmed it. A subscription is bound by its patterns as they are, for senders with keys of
their own, and with a word behind them, for `<event_type>.<priority>`.
A queue that is there already is used as it is: its kind and its limits are the operator's.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
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
    ChannelNotFoundEntity,
    IncompatibleProtocolError,
    ProbableAuthenticationError,
)

from folkmoot.brokers.address import Address
from folkmoot.brokers.eventwire import WEEK_S, Buried, Come, EventEars, Settled, Word
from folkmoot.brokers.rabbitmq.names import Names
from folkmoot.brokers.wire import FETCH_S
from folkmoot.core import envelope as envelopes
from folkmoot.core.envelope import Envelope

_AT_ONCE = 100
"""Events of one subscription that RabbitMQ hands over before the first of them is settled."""


class RabbitEvents:
    """One process's connection to RabbitMQ, for events."""

    capabilities = frozenset({"shared", "durable", "dead_letters"})
    refusals: tuple[type[BaseException], ...] = (
        AuthenticationError,
        ProbableAuthenticationError,
        IncompatibleProtocolError,
    )

    def __init__(self, address: Address) -> None:
        """Connect with `join`."""
        self._url = address.url
        self._names = Names(address.prefix)
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._events: AbstractExchange | None = None
        self._dead: AbstractExchange | None = None
        self._served: dict[str, tuple[AbstractQueue, str]] = {}
        self._came: deque[Come] = deque()
        self._news = asyncio.Event()
        self._looked = 0

    async def join(self, ears: EventEars) -> None:
        """Connect, and see that the exchanges are there."""
        connection = self._connection = await connect(self._url, timeout=5)
        connection.close_callbacks.add(
            lambda _, fault: ears.broken(fault or ConnectionResetError("the connection was closed"))
        )
        saying = await connection.channel()
        self._events = await saying.declare_exchange(
            self._names.events, ExchangeType.TOPIC, durable=True
        )
        self._dead = await saying.declare_exchange(
            self._names.dead, ExchangeType.DIRECT, durable=True
        )
        self._channel = await connection.channel()
        self._channel.close_callbacks.add(
            lambda _, fault: ears.broken(fault or ConnectionResetError("the channel was closed"))
        )
        await self._channel.set_qos(prefetch_count=_AT_ONCE)

    async def leave(self) -> None:
        """Let go. What we hold goes back by itself."""
        connection, self._connection = self._connection, None
        self._channel = self._events = self._dead = None
        self._served, self._came, self._news = {}, deque(), asyncio.Event()
        if connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(0.5):
                    await connection.close()

    async def attend(self, name: str, patterns: Sequence[str]) -> None:
        """Make the queue and its dead-letter queue, bind, and consume."""
        queue = self._served[name][0] if name in self._served else await self._make(name)
        for pattern in patterns:
            await queue.bind(self._names.events, pattern)
            await queue.bind(self._names.events, f"{pattern}.*")
        if name not in self._served:
            tag = await queue.consume(partial(self._hear, name))
            self._served[name] = (queue, tag)

    async def forsake(self, name: str) -> None:
        """Consume no more, and give back what came."""
        queue, tag = self._served.pop(name, (None, ""))
        if queue is not None:
            await queue.cancel(tag)
        for come in [come for come in self._came if come.subscription == name]:
            self._came.remove(come)
            await come.mark.nack(requeue=True)

    async def say(self, words: Sequence[Word]) -> None:
        """Say all; wait for the confirmations."""
        confirmed = []
        for word in words:
            if isinstance(word, Envelope):
                confirmed.append(asyncio.ensure_future(self._emit(word)))
            elif isinstance(word, Buried):
                confirmed.append(asyncio.ensure_future(self._bury(word)))
            else:
                await _settle(word)
        await asyncio.gather(*confirmed)

    async def fetch(self, limit: int) -> list[Come]:
        """Return what has been handed over; wait for it if there is nothing."""
        if not self._came:
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(FETCH_S):
                    await self._news.wait()
        return [self._came.popleft() for _ in range(min(limit, len(self._came)))]

    async def beat(self) -> None:
        """Ask for a sign of life, and whether a queue of ours is still there, one after the other."""
        if self._channel is None:
            raise ConnectionError("not connected")
        await self._channel.set_qos(prefetch_count=_AT_ONCE)
        if self._served:
            # A consumer whose queue was deleted is not told in a way that the library passes on.
            self._looked += 1
            names = list(self._served)
            queue, _ = self._served[names[self._looked % len(names)]]
            await self._channel.declare_queue(queue.name, passive=True)

    # --- within ---

    async def _make(self, name: str) -> AbstractQueue:
        assert self._channel is not None
        queue = self._names.subscription(name)
        await self._queue(f"dlq.{queue}", {"x-message-ttl": WEEK_S * 1000})
        dead = await self._channel.get_queue(f"dlq.{queue}", ensure=False)
        await dead.bind(self._names.dead, f"dlq.{queue}")
        await self._queue(
            queue,
            {
                "x-queue-type": "quorum",
                "x-expires": WEEK_S * 1000,
                "x-dead-letter-exchange": self._names.dead,
                "x-dead-letter-routing-key": f"dlq.{queue}",
            },
        )
        return await self._channel.get_queue(queue, ensure=False)

    async def _queue(self, name: str, arguments: dict[str, Any]) -> None:
        """See that a queue is there, whoever made it. Asking for one that is not closes the channel."""
        assert self._connection is not None
        asking = await self._connection.channel()
        try:
            await asking.declare_queue(name, passive=True)
        except ChannelNotFoundEntity:
            asking = await self._connection.channel()
            await asking.declare_queue(name, durable=True, arguments=arguments)
        await asking.close()

    async def _hear(self, name: str, message: AbstractIncomingMessage) -> None:
        topic = envelopes.topic(message.routing_key or "")
        self._came.append(Come(name, topic, message.body, message))
        self._news.set()

    async def _emit(self, envelope: Envelope) -> None:
        assert self._events is not None
        await self._events.publish(_message(envelope), envelope.routing_key, mandatory=False)

    async def _bury(self, word: Buried) -> None:
        assert self._dead is not None
        key = f"dlq.{self._names.subscription(word.subscription)}"
        message = _message(word.envelope, retry_count=word.tries, error=word.error[:1000])
        await self._dead.publish(message, key, mandatory=False)


def _message(envelope: Envelope, **headers: Any) -> Message:
    first: dict[str, Any] = {
        "event_type": envelope.event_type,
        "trace_id": envelope.trace_id or "",
        "retry_count": envelope.retry_count,
    }
    return Message(
        envelopes.write(envelope),
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=envelope.event_id,
        headers={**first, **headers},
    )


async def _settle(word: Settled) -> None:
    """Say what became of a message; one of an earlier connection is in its queue again already."""
    message: AbstractIncomingMessage = word.come.mark
    with suppress(ChannelInvalidStateError, ChannelClosed):
        if word.how == "done":
            await message.ack()
        else:
            await message.nack(requeue=word.how == "back")
