"""http_request: sends something. Never repeated by us: its effect class is `once`.

The call's effect id goes along as Idempotency-Key, so that a server that honours it can tell a
person's careful second try from a second order. Redirects are not followed.
"""

import re
from typing import Any
from urllib.parse import quote

from folkmoot.core.effects import Effect
from folkmoot.ports.tool import ToolContext, ToolResult, ToolSpec
from folkmoot.tools.http.fetch import URL, HttpTool
from folkmoot.tools.http.replies import told
from folkmoot.tools.http.urls import Target
from folkmoot.tools.http.wire import Ask
from folkmoot.tools.trouble import Trouble

METHODS = ("POST", "PUT", "PATCH", "DELETE")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_VALUE = re.compile(r"[\t\x20-\x7e]{0,8192}")
_OURS = {
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te",
    "trailer", "expect", "idempotency-key", "accept-encoding",
}  # fmt: skip


class Request(HttpTool):
    """POST, PUT, PATCH and DELETE."""

    def describe(self) -> ToolSpec:
        """Return the tool's spec."""
        schema = {
            "type": "object",
            "properties": {
                "url": URL,
                "method": {"enum": list(METHODS)},
                "body": {"type": "string", "default": "", "description": "What to send."},
                "headers": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "maxProperties": 40,
                    "default": {},
                    "description": "Such as Content-Type; application/json when the body is JSON.",
                },
            },
            "required": ["url", "method"],
            "additionalProperties": False,
        }
        return ToolSpec(
            name="http_request",
            description="Send an HTTP request that changes something. Returns status, a few "
            "headers and the body as text. Redirects are not followed.",
            schema=schema,
            effect=Effect.ONCE,
        )

    def action(self, args: dict[str, Any]) -> str:
        """Return the method, such as `post`."""
        return str(args["method"]).lower()

    async def work(self, target: Target, args: dict[str, Any], context: ToolContext) -> ToolResult:
        """Send it once."""
        headers = _headers(args.get("headers", {}))
        headers["Idempotency-Key"] = quote(context.effect, safe="/:_.-")
        ask = Ask(
            target=target,
            method=args["method"],
            headers=headers,
            body=args.get("body", "").encode(errors="replace"),
            most=self.options.max_bytes,
        )
        reply = await self.wire.send(ask, await self.egress.addresses(target))
        return await told(reply, target, context, raw=False)

    def troubled(self, trouble: Trouble) -> ToolResult:
        """Say that what went out may have been done, answer or not."""
        if trouble.code != "NO_ANSWER":
            return trouble.result()
        text = f"{trouble.text} The request may have taken effect; check before you repeat it."
        return ToolResult(text, trouble.code)


def _headers(given: dict[str, str]) -> dict[str, str]:
    """Return the headers. Raises Trouble for those that are ours, or would break the request."""
    for name, value in given.items():
        lower = name.lower()
        if lower in _OURS or lower.startswith("proxy-"):
            raise Trouble("BAD_HEADER", f"The header {name!r} is set by the system.")
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Trouble("BAD_HEADER", f"The header {name!r} cannot be sent.")
    return dict(given)
