import asyncio
import contextlib
from contextlib import asynccontextmanager

import pytest

from folkmoot.testing.contracts.tool import agent_with, context_in
from folkmoot.tools.http.egress import Egress
from folkmoot.tools.http.fetch import Fetch, HttpOptions
from folkmoot.tools.http.request import Request
from folkmoot.tools.http.wire import Wire


class Server:
    """A real HTTP server on loopback that answers with given bytes and keeps what it was asked."""

    def __init__(self):
        self.answers = {}
        self.asked = []
        self.port = 0
        self.tasks = []

    def answer(self, path, body=b"", status="200 OK", **headers):
        lines = [f"HTTP/1.1 {status}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.answers[path] = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    async def serve(self, reader, writer):
        self.tasks.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError):  # the client has read enough
            await self.answer_one(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def answer_one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = dict(line.lower().split(": ", 1) for line in rest)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.asked.append((method, path, headers, body))
        answer = self.answers.get(path, b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nno")
        if callable(answer):
            await answer(writer)
        else:
            writer.write(answer)
        await writer.drain()


@asynccontextmanager
async def serving(server, **options):
    running = await asyncio.start_server(server.serve, "127.0.0.1", 0, **options)
    server.port = running.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        running.close()
        await asyncio.gather(*server.tasks, return_exceptions=True)


@pytest.fixture
async def server():
    async with serving(Server()) as running:
        yield running


class Web:
    """The HTTP tools of an agent with these grants; names resolve as the table says."""

    def __init__(self, workspace, server):
        self.context = context_in(workspace)
        self.server = server
        self.names = {"127.0.0.1": ["127.0.0.1"], "site.invalid": ["127.0.0.1"]}
        self.resolved = []
        self.wire = Wire()
        self.options = HttpOptions()
        self.grants = ["http:get:site.invalid:*/**", "http:private:site.invalid"]

    async def resolve(self, host, port):
        self.resolved.append(host)
        return self.names[host]

    def url(self, path="/", host="site.invalid", scheme="http"):
        return f"{scheme}://{host}:{self.server.port}{path}"

    async def _call(self, kind, args):
        agent = agent_with("http_fetch", "http_request", grants=tuple(self.grants))
        tool = kind(self.options, Egress(agent, self.resolve), self.wire)
        return await tool.call(args, self.context)

    async def fetch(self, path="/", host="site.invalid", scheme="http", **args):
        return await self._call(Fetch, {"url": self.url(path, host, scheme), **args})

    async def request(self, method, path="/", **args):
        return await self._call(Request, {"url": self.url(path), "method": method, **args})


@pytest.fixture
def web(tmp_path, server):
    return Web(tmp_path, server)


@pytest.fixture
def sealed():
    """Make one more server, with TLS."""
    return lambda **options: serving(Server(), **options)
