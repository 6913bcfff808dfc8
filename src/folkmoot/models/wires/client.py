"""The HTTP client of a wire: ours, so that its limits are known and nothing is done behind our back.

It follows no redirect (one could carry the key elsewhere), and looks for proxies and certificates in
the process's environment only when the environment that we were given has some.
"""

import ssl
from collections.abc import Mapping
from functools import cache

import httpx2

from folkmoot.models.wires.endpoint import trusts_environment

CONNECT_S = 10.0


def client(env: Mapping[str, str]) -> httpx2.AsyncClient:
    """Return a client for one connection."""
    trusts = trusts_environment(env)
    return httpx2.AsyncClient(
        follow_redirects=False,
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
