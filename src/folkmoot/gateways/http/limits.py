"""Limits: what a request may bring. JSON, and not more of it than we are ready to hold.

Danger: a form or a `fetch` without CORS may be sent to us by a page from anywhere, but not with the
content type of JSON: for that a browser asks first, and we never say yes. So every request that
changes something must carry it, even when its body is empty.
"""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from folkmoot.gateways.http.problems import refuse

BODY_LIMIT = 4 * 1024 * 1024
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Limits:
    """Refuses bodies that are not JSON, or larger than `most` bytes, announced or not."""

    def __init__(self, app: ASGIApp, most: int = BODY_LIMIT) -> None:
        """Stand before `app`."""
        self.app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer 413 or 415."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] in _WITH_BODY and kind != "application/json":
            detail = f"The content type is {kind or 'missing'}."
            await refuse(scope, "NOT_JSON", detail)(scope, receive, send)
            return
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._most:
            await refuse(scope, "BODY_TOO_LARGE", self._detail())(scope, receive, send)
            return
        await self.app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most:
                raise HTTPException(413, self._detail())
            return message

        return counted

    def _detail(self) -> str:
        return f"The body has more than {self._most} bytes."
