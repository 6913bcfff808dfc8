"""The server: uvicorn inside our own event loop.

It leaves the process alone: no signal handlers, no logging setup, no exit. `stop` ends streams
first (their clients come back to the next process and go on where they were), then waits for the
requests that are under way, at most for the grace time.
"""

import asyncio
import math
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import uvicorn
from fastapi import FastAPI

from folkmoot.core.errors import SettingsInvalid
from folkmoot.gateways.http.api import create
from folkmoot.gateways.http.hosts import is_loopback
from folkmoot.gateways.http.shared import Metrics, Shared
from folkmoot.ports.desk import Desk

_BACKLOG = 2048


class Place(Protocol):
    """Where to serve, and to whom; the settings are one."""

    @property
    def host(self) -> str:
        """An address of this machine."""

    @property
    def port(self) -> int:
        """0 takes a free one."""

    @property
    def api_keys(self) -> tuple[str, ...]:
        """Needed unless the address is loopback."""

    @property
    def grace_s(self) -> float:
        """How long requests may take to finish at the end."""


def make(desk: Desk, place: Place, metrics: Metrics) -> "HttpServer":
    """Return a server of the API, not yet started. Raises SettingsInvalid."""
    app = create(desk, api_keys=place.api_keys, loopback=is_loopback(place.host), metrics=metrics)
    return HttpServer(app, place.host, place.port, place.grace_s)


def make_health(desk: Desk, place: Place, port: int, metrics: Metrics) -> "HttpServer":
    """Return a server of health and metrics alone, for processes of any role. Raises SettingsInvalid."""
    app = create(
        desk,
        api_keys=place.api_keys,
        loopback=is_loopback(place.host),
        metrics=metrics,
        only_health=True,
    )
    return HttpServer(app, place.host, port, place.grace_s, "FOLKMOOT_METRICS_PORT")


class _Server(uvicorn.Server):
    """uvicorn without its hands on the process's signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()


class HttpServer:
    """Serves an application on an address. Port 0 takes a free one; `port` then says which."""

    name = "http"

    def __init__(
        self,
        app: FastAPI,
        host: str,
        port: int,
        grace_s: float = 5.0,
        setting: str = "FOLKMOOT_PORT",
    ) -> None:
        """Take what to serve, where, and how long requests may take to finish at the end.

        `setting` is what says the port. Raises SettingsInvalid when an application for loopback would be bound elsewhere.
        """
        self._shared: Shared = app.state.shared
        if self._shared.loopback and not is_loopback(host):
            raise SettingsInvalid(
                f"This API is for loopback only, and {host!r} is not a loopback address.",
                kept="Nothing was started.",
                todo="Set FOLKMOOT_HOST=127.0.0.1, or set FOLKMOOT_API_KEYS.",
            )
        self._app = app
        self._host = host
        self._grace_s = grace_s
        self._setting = setting
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.port = port

    async def start(self) -> None:
        """Listen; return when requests are answered. Idempotent.

        Raises SettingsInvalid when the address cannot be had.
        """
        if self._serving is not None:
            return
        listener = _listen(self._host, self.port, self._setting)
        self.port = listener.getsockname()[1]
        self._shared.closing.clear()
        server = self._server = _Server(self._config())
        serving = self._serving = asyncio.create_task(server.serve(sockets=[listener]))
        listening = asyncio.create_task(server.listening.wait())
        await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if serving.done():
            self._serving = None
            listener.close()
            serving.result()

    def hurry(self, seconds: float) -> None:
        """Let requests take no longer than this to finish at the end; a second at least."""
        self._grace_s = min(self._grace_s, seconds)
        if self._server is not None:
            self._server.config.timeout_graceful_shutdown = self._patience_s

    async def stop(self) -> None:
        """End the streams, finish what is under way, let go of the port. Idempotent."""
        if self._serving is None or self._server is None:
            return
        serving, server = self._serving, self._server
        self._shared.closing.set()
        server.should_exit = True
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.force_exit = True  # whoever stops us has no time left
            raise
        self._serving = self._server = None

    async def deliver(self, address: str, text: str, key: str) -> None:
        """Do nothing: who asks over HTTP fetches the reply from the run."""

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=self._patience_s,
        )

    @property
    def _patience_s(self) -> int:
        return max(1, math.ceil(self._grace_s))


def _listen(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Danger: with protocol 0 (what socket.create_server takes) asyncio does not see that this is
    # TCP and leaves Nagle's algorithm on; every answer then waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as fault:
        listener.close()
        raise SettingsInvalid(
            f"The HTTP API cannot listen on {host}:{port}: {fault.strerror or fault}.",
            kept="Nothing was started.",
            todo=f"Choose another FOLKMOOT_HOST or {setting}.",
        ) from fault
    return listener
