"""http_fetch: reads a page. Redirects are followed by us, hop by hop, each judged anew.

A hop that the agent's grants do not cover is not followed: its address is told to the model, who
may ask for it, and then the gate judges it.
"""

import asyncio
from typing import Any

import msgspec

from folkmoot.core.effects import Effect
from folkmoot.core.errors import ToolFault
from folkmoot.core.grants import Grant
from folkmoot.core.verdict import Need
from folkmoot.ports.tool import ToolContext, ToolResult, ToolSpec
from folkmoot.tools.http import urls
from folkmoot.tools.http.egress import PRIVATE, Egress
from folkmoot.tools.http.replies import told
from folkmoot.tools.http.urls import Target
from folkmoot.tools.http.wire import Ask, Reply, Wire
from folkmoot.tools.trouble import Trouble

_SPARE_PART = 0.9
_REDIRECTS = {301, 302, 303, 307, 308}
URL = {"type": "string", "minLength": 1, "maxLength": 8000, "description": "https:// or http://."}


class HttpOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of both tools.

    `max_bytes` of a reply are read; `timeout_s` is for a whole call; `redirects` are followed.
    """

    max_bytes: int = 2_000_000
    timeout_s: float = 30.0
    redirects: int = 5

    def __post_init__(self) -> None:
        """Hold the numbers to what makes sense."""
        if self.max_bytes < 1 or self.timeout_s <= 0 or self.redirects < 0:
            raise ValueError(
                "`max_bytes` and `timeout_s` must be more than 0, `redirects` not less"
            )


class HttpTool:
    """What both tools have in common: needs, the time, troubles as results."""

    def __init__(self, options: HttpOptions, egress: Egress, wire: Wire) -> None:
        self.options = options
        self.egress = egress
        self.wire = wire
        self.spec = self.describe()

    def describe(self) -> ToolSpec:
        """Return the tool's spec."""
        raise NotImplementedError

    def action(self, args: dict[str, Any]) -> str:
        """Return the action of the permission that a call needs."""
        raise NotImplementedError

    async def work(self, target: Target, args: dict[str, Any], context: ToolContext) -> ToolResult:
        """Do it. Raises Trouble."""
        raise NotImplementedError

    def needs(self, args: dict[str, Any]) -> tuple[Need, ...]:
        """Return `http:<action>:<host>/<path>`; a URL that cannot be read reaches nothing."""
        try:
            target = urls.parse(args["url"])
        except Trouble:
            return ()
        need = Need(Grant("http", self.action(args), target.resource))
        if target.surely_private:
            return (need, Need(Grant("http", PRIVATE, target.host)))
        return (need,)

    async def call(self, args: dict[str, Any], context: ToolContext) -> ToolResult:
        """Do it within the time; a trouble is a result."""
        seconds = min(self.options.timeout_s, context.timeout_s * _SPARE_PART)
        try:
            async with asyncio.timeout(seconds):
                return await self.work(urls.parse(args["url"]), args, context)
        except Trouble as trouble:
            return self.troubled(trouble)
        except TimeoutError:
            return self.troubled(Trouble("NO_ANSWER", f"There was no answer within {seconds:g} s."))

    def troubled(self, trouble: Trouble) -> ToolResult:
        """Return a trouble as a result."""
        return trouble.result()

    async def reconcile(self, args: dict[str, Any], context: ToolContext) -> ToolResult | None:  # noqa: ARG002 - the port's shape
        """Nobody can be asked."""
        raise ToolFault(f"The tool {self.spec.name!r} cannot tell whether it took effect.")


class Fetch(HttpTool):
    """GET and HEAD."""

    def describe(self) -> ToolSpec:
        """Return the tool's spec."""
        schema = {
            "type": "object",
            "properties": {
                "url": URL,
                "method": {"enum": ["GET", "HEAD"], "default": "GET"},
                "raw": {
                    "type": "boolean",
                    "default": False,
                    "description": "Give HTML as it is, instead of its text.",
                },
            },
            "required": ["url"],
            "additionalProperties": False,
        }
        return ToolSpec(
            name="http_fetch",
            description="Fetch a web page or an API's answer. Returns status, a few headers and "
            "the body as text; HTML comes as plain text.",
            schema=schema,
            effect=Effect.PURE,
        )

    def action(self, args: dict[str, Any]) -> str:  # noqa: ARG002 - the same for both methods
        """Return `get`."""
        return "get"

    async def work(self, target: Target, args: dict[str, Any], context: ToolContext) -> ToolResult:
        """Fetch, and follow what may be followed."""
        method, raw = args.get("method", "GET"), args.get("raw", False)
        for left in range(self.options.redirects, -1, -1):
            ask = Ask(target=target, method=method, most=self.options.max_bytes)
            reply = await self.wire.send(ask, await self.egress.addresses(target))
            onward = self._onward(target, reply)
            if onward is None:
                return await told(reply, target, context, raw=raw)
            if not left or not self.egress.follows(target, onward):
                why = "too many redirects" if not left else "not followed: ask for it by itself"
                note = f"redirects to: {onward} ({why})"
                return await told(reply, target, context, raw=raw, why=note)
            target = onward
        raise AssertionError("the last round of the loop returns")

    @staticmethod
    def _onward(target: Target, reply: Reply) -> Target | None:
        """Return where a redirect leads, when it leads anywhere."""
        location = reply.headers.get("location", "")
        if reply.status not in _REDIRECTS or not location:
            return None
        try:
            return urls.follow(target, location)
        except Trouble:
            return None
