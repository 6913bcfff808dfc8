"""Memory tools: names that are known and refused, until there is a memory for them."""

from typing import Any

from folkmoot.core.agent import Agent
from folkmoot.core.errors import Invalid
from folkmoot.ports.tool import Tool, ToolFactory


def _refusing(name: str) -> ToolFactory:
    def factory(agent: Agent, options: dict[str, Any]) -> tuple[Tool, ...]:  # noqa: ARG001 - ToolFactory's shape
        raise Invalid(
            f"Agent {agent.name!r} wants the tool {name!r}, but this version has no memory yet.",
            todo=f"Remove {name!r} from `tools`; notes can be kept in files of the workspace.",
        )

    return factory


ACTIONS: dict[str, tuple[str, ...]] = {}
FACTORIES = {name: _refusing(name) for name in ("remember", "recall")}
