"""Keys: who may use the API.

A key comes as `Authorization: Bearer KEY` or `X-API-Key: KEY`. What is compared are SHA-256 digests,
all of them, in constant time: neither the length of a key nor how many there are can be measured.
Without keys only a server bound to loopback exists (api.py refuses to make another).
"""

from hashlib import sha256
from hmac import compare_digest

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from folkmoot.gateways.http.problems import refuse

OPEN = frozenset(
    {"/health/live", "/health/ready", "/healthz", "/ready", "/health", "/docs", "/openapi.json"}
)
"""Open to everybody: they tell whether the system works, and how the API looks."""


class Keys:
    """Lets requests with a key pass; notes in the scope's state whether the caller is `trusted`."""

    def __init__(self, app: ASGIApp, keys: tuple[str, ...], *, loopback: bool) -> None:
        """Stand before `app`. Without keys everybody is trusted."""
        self.app = app
        self._digests = [sha256(key.encode()).digest() for key in keys]
        self._open = OPEN | {"/metrics"} if loopback else OPEN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer 401."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trusted = not self._digests or self._fits(Headers(scope=scope))
        scope.setdefault("state", {})["trusted"] = trusted
        if trusted or scope["path"] in self._open:
            await self.app(scope, receive, send)
            return
        detail = "This needs an API key, and none that fits was given."
        answer = refuse(scope, "AUTH_FAILED", detail, {"WWW-Authenticate": "Bearer"})
        await answer(scope, receive, send)

    def _fits(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        # Headers arrive as latin-1; a key outside ASCII was sent as UTF-8.
        digest = sha256(given.encode("latin-1", "replace")).digest()
        fits = False
        for known in self._digests:
            fits |= compare_digest(known, digest)
        return fits
