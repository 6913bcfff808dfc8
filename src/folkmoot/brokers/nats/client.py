"""One connection to NATS, without the library's own reconnecting: mending is link.py's.

Messages of our subscriptions are brought at once, in the order in which they came over the wire. The
library would give each subscription a task of its own, and so mix up what came through two of them.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import SlowConsumerError

Hear = Callable[[str, str, bytes, bytes], None]
"""Called with subject, reply, body and the raw headers."""
Came = tuple[str, str, bytes]
"""Subject, reply and body of a message."""

_STATUS = b"NATS/1.0 "
OVER = frozenset({404, 408})
"""No messages; the time of a request is over."""


class Refused(Exception):
    """JetStream said no."""


class Direct(Client):
    """A client whose chosen subscriptions are heard without a queue between."""

    def __init__(self) -> None:
        """Connect with `open`."""
        super().__init__()
        self._direct: dict[int, Hear] = {}

    async def open(self, url: str, broken: Callable[[BaseException], None]) -> None:
        """Connect, once; `broken` is told of the end."""

        async def error(fault: Exception) -> None:
            if not isinstance(fault, SlowConsumerError):
                broken(fault)

        async def closed() -> None:
            broken(ConnectionResetError("the connection was closed"))

        await self.connect(
            url,
            allow_reconnect=False,
            connect_timeout=5,
            error_cb=error,
            closed_cb=closed,
            disconnected_cb=closed,
        )

    async def hear(self, subject: str, hear: Hear) -> Subscription:
        """Subscribe; nothing waits between the socket and `hear`."""
        # Nothing else runs between this and the library's own choice of the number.
        self._direct[self._sid + 1] = hear
        return await self.subscribe(subject)

    async def deafen(self, subscription: Subscription) -> None:
        """Unsubscribe."""
        await subscription.unsubscribe()
        self._direct.pop(subscription._id, None)  # noqa: SLF001 - the number has no other name

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        hear = self._direct.get(sid)
        if hear is None:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            hear(subject.decode(), reply.decode(), bytes(data), bytes(headers or b""))


class Answers:
    """Answers to one question: so many messages, or fewer and a status."""

    def __init__(self, wanted: int) -> None:
        """Wait for at most `wanted`."""
        self.found: list[Came] = []
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted = wanted

    def take(self, subject: str, reply: str, body: bytes, headers: bytes) -> None:
        """Take in what came."""
        if self.over.done():
            return
        if headers.startswith(_STATUS) and headers[9:12].isdigit():
            status = int(headers[9:12])
            if status in OVER:
                self.over.set_result(None)
            elif status != 100:  # noqa: PLR2004 - a heartbeat
                self.over.set_exception(ConnectionError(headers[9:].split(b"\r")[0].decode()))
            return
        self.found.append((subject, reply, body))
        if len(self.found) >= self._wanted:
            self.over.set_result(None)


def confirm(answers: Answers) -> None:
    """Read what the stream said to a message. Raises Refused."""
    said = msgspec.json.decode(answers.found[0][2])
    if "error" in said:
        raise Refused(str(said["error"].get("description", "refused")))


class Asking:
    """Questions over a connection, each with an address of its own for the answers."""

    def __init__(self, client: Direct) -> None:
        """Open it before asking."""
        self._client = client
        self._inbox = client.new_inbox()
        self._open: dict[str, Answers] = {}
        self._count = 0

    async def open(self) -> None:
        """Hear the answers."""
        await self._client.hear(f"{self._inbox}.*", self._hear)

    async def ask(
        self, subject: str, body: bytes, wanted: int = 1, headers: dict[str, str] | None = None
    ) -> Answers:
        """Send a question; the answers come in."""
        self._count += 1
        address = f"{self._inbox}.{self._count}"
        answers = self._open[address] = Answers(wanted)
        answers.over.add_done_callback(lambda over: self._end(address, over))
        await self._client.publish(subject, body, address, headers)
        return answers

    async def api(self, subject: str, question: dict[str, Any]) -> dict[str, Any]:
        """Ask JetStream; return its answer. Raises Refused."""
        answers = await self.ask(f"$JS.API.{subject}", msgspec.json.encode(question))
        await answers.over
        found: dict[str, Any] = msgspec.json.decode(answers.found[0][2])
        if "error" in found:
            raise Refused(str(found["error"].get("description", "refused")))
        return found

    def _end(self, address: str, over: "asyncio.Future[None]") -> None:
        self._open.pop(address, None)
        if not over.cancelled():
            over.exception()

    def _hear(self, subject: str, reply: str, body: bytes, headers: bytes) -> None:
        answers = self._open.get(subject)
        if answers is not None:
            answers.take(subject, reply, body, headers)


class Pull:
    """What a consumer hands over, one request after another.

    A message comes under its own subject, not the request's: so there is one inbox for each consumer,
    and one request at a time.
    """

    def __init__(
        self, client: Direct, consumer: str, surplus: Callable[[list[Came]], None]
    ) -> None:
        """`surplus` is given what comes when no request is open."""
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{consumer}"
        self._inbox = client.new_inbox()
        self._surplus = surplus
        self._heard: Subscription | None = None
        self.answers: Answers | None = None

    async def open(self) -> None:
        """Hear what is handed over."""
        self._heard = await self._client.hear(self._inbox, self._hear)

    async def close(self) -> None:
        """Hear no more: what would have been handed to us goes to others."""
        if self._heard is not None:
            await self._client.deafen(self._heard)

    async def ask(self, request: dict[str, Any]) -> Answers:
        """Ask for messages. The request before must be over, and collected."""
        answers = self.answers = Answers(request["batch"])
        await self._client.publish(self._subject, msgspec.json.encode(request), self._inbox)
        return answers

    def collect(self) -> list[Came]:
        """Return all that a finished request brought. Raises its fault."""
        answers, self.answers = self.answers, None
        if answers is None:
            return []
        if (fault := answers.over.exception()) is not None:
            raise fault
        return answers.found

    def _hear(self, subject: str, reply: str, body: bytes, headers: bytes) -> None:
        if self.answers is not None and not self.answers.over.done():
            self.answers.take(subject, reply, body, headers)
        elif not headers.startswith(_STATUS):
            self._surplus([(subject, reply, body)])
