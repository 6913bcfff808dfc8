"""The witness: writes down every model and tool call as it really happens, beside the system.

One line a call, appended with a single write: a killed process has either written it or not.
"""

import os
from pathlib import Path
from typing import Any

import msgspec

from folkmoot.core.agent import ModelChoice
from folkmoot.core.verdict import Need
from folkmoot.ports.model import Answer, Delta, Model, Request
from folkmoot.ports.tool import Tool, ToolContext, ToolResult


class Seen(msgspec.Struct, frozen=True):
    """A call began. `kind` is `model` or a tool's effect class; `effect` its stable id."""

    kind: str
    name: str
    effect: str


class Witness:
    """Appends to a file."""

    def __init__(self, path: Path) -> None:
        """The file is made when it is not there."""
        self._path = path

    def saw(self, seen: Seen) -> None:
        """Write down that a call begins."""
        line = msgspec.json.encode(seen) + b"\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def read(self) -> list[Seen]:
        """Return all that was seen."""
        if not self._path.exists():
            return []
        return [
            msgspec.json.decode(line, type=Seen) for line in self._path.read_bytes().splitlines()
        ]


class WatchedTool:
    """A tool, watched."""

    def __init__(self, tool: Tool, witness: Witness) -> None:
        """Everything but the calls passes through unseen."""
        self.spec = tool.spec
        self._tool = tool
        self._witness = witness

    def needs(self, args: dict[str, Any]) -> tuple[Need, ...]:
        """Return the tool's needs."""
        return self._tool.needs(args)

    async def call(self, args: dict[str, Any], context: ToolContext) -> ToolResult:
        """Write it down, then do it."""
        self._witness.saw(Seen(str(self.spec.effect), self.spec.name, context.effect))
        return await self._tool.call(args, context)

    async def reconcile(self, args: dict[str, Any], context: ToolContext) -> ToolResult | None:
        """Ask the tool."""
        return await self._tool.reconcile(args, context)


class WatchedModel:
    """A model, watched."""

    def __init__(self, model: Model, choice: ModelChoice, witness: Witness) -> None:
        """Everything passes through."""
        self._model = model
        self._name = str(choice)
        self._witness = witness

    async def call(self, request: Request, delta: Delta | None = None) -> Answer:
        """Write it down, then ask."""
        self._witness.saw(Seen("model", self._name, request.effect))
        return await self._model.call(request, delta)

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()
