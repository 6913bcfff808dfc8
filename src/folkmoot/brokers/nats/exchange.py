"""Events through NATS JetStream: one stream, a durable pull consumer for each pattern of a subscription.

States of an event: in the stream until every consumer that wants it has acked -> handed over -> acked,
or handed over again (nak, or nobody said a word for EVENT_LEASE_S). Subjects are
`<prefix>agent_events.<event_type>.<priority>`; `Nats-Msg-Id` is the event's id, so that one which is
emitted again within the window is one message. Two patterns of a subscription that fit the same event
bring it twice; whoever receives it knows its id.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256

from nats.errors import AuthorizationError

from folkmoot.brokers.address import Address
from folkmoot.brokers.eventwire import WEEK_S, Come, EventEars, Settled, Word
from folkmoot.brokers.nats.client import Asking, Direct, Pull, Refused, confirm
from folkmoot.brokers.wire import FETCH_S
from folkmoot.core import envelope as envelopes
from folkmoot.core.envelope import Envelope

EVENT_LEASE_S = 30.0
"""How long what a dead taker held stays away."""
_NS = 1_000_000_000
_WINDOW_S = 120
_AT_ONCE = 50
_PULL_S = 20.0


class NatsEvents:
    """One process's connection to NATS, for events."""

    capabilities = frozenset({"shared", "durable"})
    refusals: tuple[type[BaseException], ...] = (AuthorizationError, Refused)

    def __init__(self, address: Address, lease_s: float = EVENT_LEASE_S) -> None:
        """`lease_s`: how long a taker may say nothing about what it holds."""
        self._url = address.url
        self._root = f"{address.prefix}agent_events"
        self._stream = f"{address.prefix}AGENT_EVENTS"
        self._lease_s = lease_s
        self._client: Direct | None = None
        self._asking: Asking | None = None
        self._pulling: dict[str, dict[str, asyncio.Task[None]]] = {}
        self._ears: EventEars | None = None
        self._came: deque[Come] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def join(self, ears: EventEars) -> None:
        """Connect, and see that there is a stream."""
        self._ears = ears
        self._client = Direct()
        await self._client.open(self._url, ears.broken)
        self._asking = Asking(self._client)
        await self._asking.open()
        await self._make_stream(self._asking)

    async def leave(self) -> None:
        """Let go."""
        client, self._client = self._client, None
        self._asking = None
        tasks = [task for pulls in self._pulling.values() for task in pulls.values()]
        self._pulling, self._came = {}, deque()
        self._news, self._room = asyncio.Event(), asyncio.Event()
        await _end(tasks)
        if client is not None:
            with suppress(Exception):
                async with asyncio.timeout(0.5):
                    await client.close()

    async def attend(self, name: str, patterns: Sequence[str]) -> None:
        """Make a consumer for each pattern, and pull from it."""
        client, asking = self._ours()
        pulls = self._pulling.setdefault(name, {})
        for pattern in dict.fromkeys(patterns):
            if pattern not in pulls:
                consumer = await self._make_consumer(asking, name, pattern)
                pull = Pull(client, f"{self._stream}.{consumer}", lambda *_: None)
                await pull.open()
                pulls[pattern] = asyncio.create_task(
                    self._pull(name, pull), name="folkmoot-events-pull"
                )

    async def forsake(self, name: str) -> None:
        """Pull no more, and give back what came."""
        await _end(list(self._pulling.pop(name, {}).values()))
        client, _ = self._ours()
        for come in [come for come in self._came if come.subscription == name]:
            self._came.remove(come)
            await client.publish(come.mark, b"-NAK")
        await client.flush(2)

    async def say(self, words: Sequence[Word]) -> None:
        """Say all; wait for what the stream confirms."""
        client, asking = self._ours()
        confirmed = []
        for word in words:
            if isinstance(word, Envelope):
                subject = f"{self._root}.{word.routing_key}"
                headers = {"Nats-Msg-Id": word.event_id}
                confirmed.append(await asking.ask(subject, envelopes.write(word), headers=headers))
            elif isinstance(word, Settled):
                said = {"done": b"+ACK", "back": b"-NAK", "dead": b"+TERM"}[word.how]
                await client.publish(word.come.mark, said)
        await asyncio.gather(*(answers.over for answers in confirmed))
        for answers in confirmed:
            confirm(answers)

    async def fetch(self, limit: int) -> list[Come]:
        """Return what has been handed over; wait for it if there is nothing."""
        if not self._came:
            self._room.set()
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(FETCH_S):
                    await self._news.wait()
        found = [self._came.popleft() for _ in range(min(limit, len(self._came)))]
        if len(self._came) < _AT_ONCE:
            self._room.set()
        return found

    async def beat(self) -> None:
        """Ask for a sign of life; leases are the server's."""
        client, _ = self._ours()
        await client.flush(2)

    # --- within ---

    def _ours(self) -> tuple[Direct, Asking]:
        if self._client is None or self._asking is None:
            raise ConnectionError("not connected")
        return self._client, self._asking

    async def _pull(self, name: str, pull: Pull) -> None:
        """Ask for events as long as there is room for them."""
        try:
            while True:
                await self._room.wait()
                answers = await pull.ask({"batch": _AT_ONCE, "no_wait": True})
                await answers.over
                found = pull.collect()
                if not found:  # wait for the first, so that nothing rests in a half-full request
                    answers = await pull.ask({"batch": 1, "expires": round(_PULL_S * _NS)})
                    await answers.over
                    found = pull.collect()
                for _, reply, body in found:
                    self._came.append(Come(name, "", body, reply))
                if found:
                    self._news.set()
                if len(self._came) >= _AT_ONCE:
                    self._room.clear()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the connection is not to be trusted
            if self._ears is not None:
                self._ears.broken(fault)
        finally:
            if self._client is not None:  # else the connection ends, and the pull with it
                with suppress(Exception):
                    async with asyncio.timeout(1):
                        await pull.close()

    async def _make_stream(self, asking: Asking) -> None:
        """Make the stream, or take what is there: replicas, storage and ages are the operator's."""
        with suppress(Refused):
            await asking.api(f"STREAM.INFO.{self._stream}", {})
            return
        await asking.api(
            f"STREAM.CREATE.{self._stream}",
            {
                "name": self._stream,
                "subjects": [f"{self._root}.>"],
                "retention": "interest",
                "storage": "file",
                "discard": "old",
                "max_age": WEEK_S * _NS,
                "duplicate_window": _WINDOW_S * _NS,
                "num_replicas": 1,
            },
        )

    async def _make_consumer(self, asking: Asking, name: str, pattern: str) -> str:
        """Make a consumer, or take the one that is there; return its name."""
        consumer = f"{name}-{sha256(pattern.encode()).hexdigest()[:8]}"
        with suppress(Refused):
            await asking.api(f"CONSUMER.INFO.{self._stream}.{consumer}", {})
            return consumer
        await asking.api(
            f"CONSUMER.DURABLE.CREATE.{self._stream}.{consumer}",
            {
                "stream_name": self._stream,
                "config": {
                    "durable_name": consumer,
                    "description": f"{name} {pattern}",
                    "deliver_policy": "new",
                    "ack_policy": "explicit",
                    "ack_wait": round(self._lease_s * _NS),
                    "filter_subject": f"{self._root}.{subject(pattern)}",
                    "max_ack_pending": 1000,
                    "inactive_threshold": WEEK_S * _NS,
                },
            },
        )
        return consumer


def subject(pattern: str) -> str:
    """Return a subject that fits at least what the pattern fits, with a priority behind it.

    >>> subject("orders.*.created"), subject("orders.#"), subject("a.#.b"), subject("#")
    ('orders.*.created.*', 'orders.>', 'a.>', '>')
    """
    words = pattern.split(".")
    if "#" in words:
        return ".".join([*words[: words.index("#")], ">"])
    return f"{pattern}.*"


async def _end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
