"""A tool for tests: counts what is done with it, and does what the test says."""

import asyncio
from collections.abc import Callable
from typing import Any

from folkmoot.core.effects import Effect
from folkmoot.core.grants import parse
from folkmoot.core.verdict import Need
from folkmoot.ports.tool import ToolContext, ToolResult, ToolSpec


class Probe:
    """A tool. `act` (args) is what a call does; `trace` is what `reconcile` finds (or raises)."""

    def __init__(
        self,
        name: str = "look",
        effect: Effect = Effect.PURE,
        act: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        """The schema knows one argument, `at`, a string."""
        self.spec = ToolSpec(
            name=name,
            description="Looks.",
            schema={"type": "object", "properties": {"at": {"type": "string"}}},
            effect=effect,
        )
        self.need = Need(parse(f"{name}:do"), ordinary=True)
        self.calls: list[ToolContext] = []
        self.reconciled: list[ToolContext] = []
        self.trace: ToolResult | Exception | None = None
        self._act = act

    def needs(self, args: dict[str, Any]) -> tuple[Need, ...]:  # noqa: ARG002 - the port's shape
        """Return `<name>:do`, an ordinary need."""
        return (self.need,)

    async def call(self, args: dict[str, Any], context: ToolContext) -> ToolResult:
        """Remember the context; act."""
        self.calls.append(context)
        result = self._act(args) if self._act else f"saw {args.get('at', 'nothing')}"
        if asyncio.iscoroutine(result):
            result = await result
        return result if isinstance(result, ToolResult) else ToolResult(result)

    async def reconcile(
        self,
        args: dict[str, Any],  # noqa: ARG002 - the port's shape
        context: ToolContext,
    ) -> ToolResult | None:
        """Remember the context; return the trace."""
        self.reconciled.append(context)
        if isinstance(self.trace, Exception):
            raise self.trace
        return self.trace
