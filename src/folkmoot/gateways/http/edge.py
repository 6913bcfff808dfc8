"""The edge: the outermost layer. Gives each request its trace, and never lets a defect out as such."""

import logging
import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from folkmoot.core.trace import trace_id
from folkmoot.gateways.http.problems import refuse

_log = logging.getLogger("folkmoot.http")
_RUN = re.compile(r"^/v1/runs/([^/]+)")
# By the W3C: version ff and ids of zeros are none; version 00 ends here, later ones may go on after a dash.
_TRACEPARENT = re.compile(
    r"^(?:00(?=.{53}$)|(?!00|ff)[0-9a-f]{2}(?=.{53}(?:-|$)))"
    r"-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)


class Edge:
    """Turns what nobody expected into a 500 without internals, and into a line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer 500 when it fails before its answer began."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})["trace_id"] = _trace_of(scope)
        began = False

        async def watched(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                _harden(message)
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            _log.exception("http.defect", extra=_about(scope))
            if began:
                raise  # the server cuts the connection: half an answer must not look like a whole one
            detail = "Something failed that should not. The server's log has the details."
            await refuse(scope, "INTERNAL", detail)(scope, receive, watched)


def _trace_of(scope: Scope) -> str:
    """Return the run's trace where the path names a run, else the caller's, else a new one."""
    run = _RUN.match(scope["path"])
    if run is not None:
        return trace_id(run[1])
    given = _TRACEPARENT.match(Headers(scope=scope).get("traceparent", ""))
    return given[1] if given is not None else secrets.token_hex(16)


def _about(scope: Scope) -> dict[str, str]:
    return {
        "method": scope["method"],
        "path": scope["path"],
        "trace_id": scope["state"]["trace_id"],
    }


def _harden(message: Message) -> None:
    headers = MutableHeaders(scope=message)
    headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("X-Content-Type-Options", "nosniff")
