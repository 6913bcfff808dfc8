"""The HTTP client of a wire: ours, so that its limits are known and nothing is done behind our back.

It follows no redirect (one could carry the key elsewhere), and looks for proxies and certificates in
the process's environment only when the environment that we were given has some. An answer that does
not end is given up before it fills the memory.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from functools import cache

import httpx2

from folkmoot.models.wires.endpoint import trusts_environment

CONNECT_S = 10.0
MOST_BYTES = 32 * 1024 * 1024


class TooMuch(httpx2.TransportError):
    """The answer is too large to be one."""


class _Bounded(httpx2.AsyncByteStream):
    """The body of an answer, as far as it may go."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the pieces. Raises TooMuch."""
        size = 0
        async for piece in self._body:
            size += len(piece)
            if size > MOST_BYTES:
                raise TooMuch(f"it is larger than {MOST_BYTES >> 20} MiB")
            yield piece

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._body.aclose()


async def _bound(response: httpx2.Response) -> None:
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = _Bounded(response.stream)


def client(env: Mapping[str, str]) -> httpx2.AsyncClient:
    """Return a client for one connection."""
    trusts = trusts_environment(env)
    return httpx2.AsyncClient(
        follow_redirects=False,
        event_hooks={"response": [_bound]},
        trust_env=trusts,
        verify=True if trusts else _certificates(),
        limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=100),
    )


def timeout(seconds: float) -> httpx2.Timeout:
    """Return the time-outs of one request: `seconds` between bytes, less for the connection."""
    return httpx2.Timeout(seconds, connect=min(seconds, CONNECT_S))


@cache
def _certificates() -> ssl.SSLContext:
    """Return the usual certificates; reading them takes 20 ms, so all clients share them."""
    return httpx2.create_ssl_context(trust_env=False)
