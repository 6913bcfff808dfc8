"""The fake server: HTTP/1.1 on the loopback, one scripted reply for each request, in order.

It remembers what it was sent (`seen`, `asked`) and notices when a client goes away before its reply was
complete (`left`). A request without a scripted reply is answered 500, so that a hidden second
attempt of a client shows.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from folkmoot.testing.wires.script import Cut, Garbage, Refuse, Reply, Say, Stall


class Wire(Protocol):
    """How one provider writes things down."""

    stream_type: str
    """The content type of its streams."""

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Whether this request asks for a stream."""
        ...

    def whole(self, say: Say) -> bytes:
        """Return a reply in one piece."""
        ...

    def stream(self, say: Say) -> list[bytes]:
        """Return a reply as the chunks of a stream."""
        ...

    def refusal(self, refuse: Refuse) -> bytes:
        """Return an error's body."""
        ...

    def late(self, refuse: Refuse) -> bytes:
        """Return an error as a chunk inside a stream."""
        ...


class Seen(msgspec.Struct, frozen=True):
    """One request that arrived. Header names are lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class FakeProvider:
    """A provider on a free port. Use it as an async context."""

    def __init__(self, wire: Wire) -> None:
        """Speak this wire."""
        self.seen: list[Seen] = []
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        self._wire = wire
        self._replies: deque[Reply] = deque()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """The server's address."""
        if self._server is None:
            raise RuntimeError("The fake provider is not running.")
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    def script(self, *replies: Reply) -> None:
        """Add replies to the queue."""
        self._replies.extend(replies)

    async def __aenter__(self) -> Self:
        """Start to listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and drop the connections that are left."""
        if self._server is not None:
            self._server.close()
            for writer in self._open:
                writer.transport.abort()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (seen := await _read(reader)) is not None:
                self.seen.append(seen)
                self.asked.set()
                reply = self._replies.popleft() if self._replies else _UNSCRIPTED
                if not await self._answer(reply, seen, reader, writer):
                    break
        self._open.discard(writer)
        writer.close()

    async def _answer(
        self, reply: Reply, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Write one reply; whether the connection may be used again."""
        streams = self._wire.streams(seen.path, seen.body)
        if isinstance(reply, Say):
            if streams:
                await _stream(writer, self._wire, self._wire.stream(reply))
            else:
                await _whole(writer, 200, self._wire.whole(reply))
            return True
        if isinstance(reply, Refuse) and not (reply.late and streams):
            await _whole(writer, reply.status, self._wire.refusal(reply), reply.headers)
            return True
        if isinstance(reply, Garbage):
            await _whole(writer, 200, reply.body.encode())
            return True
        return await self._break(reply, streams, reader, writer)

    async def _break(
        self,
        reply: Refuse | Cut | Stall,
        streams: bool,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Write the beginning of a reply and go wrong in the way that is scripted."""
        say = reply.say if isinstance(reply, Cut) else None
        if isinstance(reply, Stall):
            say = reply.begin
        if isinstance(reply, Refuse):
            say = Say(text="It began well")
        chunks = self._wire.stream(say)[:-3] if say is not None and streams else []
        if isinstance(reply, Refuse):
            await _stream(writer, self._wire, [*chunks[:4], self._wire.late(reply)])
            return True
        if isinstance(reply, Cut):
            await self._cut(reply, chunks[:-1], writer)
            return False
        if chunks:
            await _stream(writer, self._wire, chunks, end=False)
        # A client that gives up closes its end, and the read returns.
        await reader.read(1)
        self.left.set()
        return False

    async def _cut(self, cut: Cut, chunks: list[bytes], writer: asyncio.StreamWriter) -> None:
        if chunks:
            await _stream(writer, self._wire, chunks, end=cut.politely)
        else:
            body = self._wire.whole(cut.say)
            head = _head(200, {"content-length": str(len(body)), "content-type": _JSON})
            writer.write(head + body[: len(body) // 2])
            await writer.drain()
        writer.close()


_JSON = "application/json"
_UNSCRIPTED = Refuse(status=500, message="Nothing is scripted for this request.")


async def _read(reader: asyncio.StreamReader) -> Seen | None:
    """Read one request, or None at the end of the connection."""
    first = await reader.readline()
    if not first.strip():
        return None
    path = first.split()[1].decode()
    headers: dict[str, str] = {}
    while (line := await reader.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    data = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(path, headers, msgspec.json.decode(data) if data else {})


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode()


async def _whole(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    given = {"content-type": _JSON, "content-length": str(len(body)), **(headers or {})}
    writer.write(_head(status, given) + body)
    await writer.drain()


async def _stream(
    writer: asyncio.StreamWriter, wire: Wire, chunks: Sequence[bytes], *, end: bool = True
) -> None:
    writer.write(_head(200, {"content-type": wire.stream_type, "transfer-encoding": "chunked"}))
    for chunk in chunks:
        writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await writer.drain()
    if end:
        writer.write(b"0\r\n\r\n")
        await writer.drain()
