"""Hosts: a server that only this machine reaches answers only to this machine's names.

Danger: a page from anywhere may let its own name point to 127.0.0.1 (DNS rebinding), and then talk
to us with the visitor's browser. Such a request carries the page's name as its Host.
"""

import re
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from folkmoot.gateways.http.problems import refuse

_HOST = re.compile(r"^(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]@/\s]+))(?::[0-9]*)?$")


def is_loopback(host: str) -> bool:
    """Whether an address (or `localhost`) can be reached from this machine only."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Hosts:
    """Refuses requests whose Host is not one of this machine's own names."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer 421."""
        if scope["type"] == "http" and not _is_ours(Headers(scope=scope).get("host", "")):
            detail = "This server is bound to loopback and answers only to localhost."
            await refuse(scope, "MISDIRECTED", detail)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _is_ours(host: str) -> bool:
    found = _HOST.match(host)
    return found is not None and is_loopback(found["six"] or found["name"])
