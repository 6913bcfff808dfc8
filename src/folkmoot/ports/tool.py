"""A tool: something an agent can do."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from folkmoot.core.agent import Agent
from folkmoot.core.effects import Effect
from folkmoot.core.verdict import Need
from folkmoot.ports.sandbox import Sandbox


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a tool before it is called.

    `schema` is the JSON Schema of the arguments (an object). `timeout_s` and `max_output`
    (characters) None mean the agent's own limits.
    """

    name: str
    description: str
    schema: dict[str, Any]
    effect: Effect
    timeout_s: float | None = None
    max_output: int | None = None


class ToolContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool may know of the call it serves. `effect` is stable over repeats of this call.

    `env` holds exactly the variables that the agent was granted; nothing else of our environment.
    `timeout_s` is the time that the call has; perform ends it after that in any case.
    """

    run: str
    call: str
    effect: str
    agent: str
    workspace: Path
    sandbox: Sandbox | None = None
    env: Mapping[str, str] = {}
    timeout_s: float = 60.0
    max_output: int = 30_000


class ToolResult(msgspec.Struct, frozen=True):
    """What a call gave back. `error` is a code when it failed in a way that the model may mend."""

    text: str
    error: str = ""


class Tool(Protocol):
    """One tool, bound to one agent.

    `needs` is pure and cheap: it says from the arguments (which fit the schema) what permissions
    this call needs; the gate judges them before `call` begins. `call` may be cancelled at any
    moment (time-out, run cancelled) and must then leave no process behind. It raises ToolFault for
    a failure that the model should read about; anything else is a defect and is shown as such.
    """

    spec: ToolSpec

    def needs(self, args: dict[str, Any]) -> tuple[Need, ...]:
        """Return the permissions that a call with these arguments needs."""
        ...

    async def call(self, args: dict[str, Any], context: ToolContext) -> ToolResult:
        """Do it."""
        ...

    async def reconcile(self, args: dict[str, Any], context: ToolContext) -> ToolResult | None:
        """Find out whether an interrupted call of class `reconcilable` took effect.

        Returns its result if it did, None if it did not (it is then called again).
        Raises ToolFault when that cannot be told: the call becomes in doubt.
        """
        ...


ToolFactory = Callable[[Agent, dict[str, Any]], tuple[Tool, ...]]
"""Makes the tools of one name for an agent, from the options in its file. Raises Invalid."""
