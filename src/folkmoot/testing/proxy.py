"""A TCP proxy that can be told to misbehave, for tests of partitions.

async with Proxy("127.0.0.1", 6379) as proxy:
    client = connect(f"redis://127.0.0.1:{proxy.port}/0")
    proxy.hold()      # half-open: bytes are read and kept, nothing arrives, nobody is told
    proxy.go_on()     # what was kept arrives
    await proxy.cut() # all connections end, new ones are refused at once
    proxy.mend()      # new ones are let through again
    proxy.delay_s = 0.2
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK = 65536


class Proxy:
    """Stands between clients and one server."""

    def __init__(self, host: str, port: int) -> None:
        """Pass on to this server."""
        self.port = 0
        self.delay_s = 0.0
        self._target = (host, port)
        self._passing = asyncio.Event()
        self._passing.set()
        self._refusing = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen on a free port of the loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything."""
        assert self._server is not None
        self._server.close()
        await self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hold(self) -> None:
        """Pass nothing on, and tell nobody."""
        self._passing.clear()

    def go_on(self) -> None:
        """Pass on what was held, and all that comes."""
        self._passing.set()

    async def cut(self) -> None:
        """End all connections; end new ones at once."""
        self._refusing = True
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    def mend(self) -> None:
        """Let new connections through again."""
        self._refusing = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._refusing:
            writer.transport.abort()
            return
        with suppress(OSError, asyncio.CancelledError):
            behind, ahead = await asyncio.open_connection(*self._target)
            both = {writer, ahead}
            self._writers |= both
            try:
                await asyncio.gather(self._pass(reader, ahead), self._pass(behind, writer))
            finally:
                self._writers -= both
                for each in both:
                    each.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(_CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._passing.wait()
            target.write(data)
            await target.drain()
        # One side is done: end both, as a client that closed expects.
        raise ConnectionResetError
