"""The toolbox: which tools there are, and which of them an agent gets.

A name in an agent file stands for one tool or, as `files` does, for a group of them. Factories are
run when an agent is bound; what they import (httpx, pydantic) is not loaded before.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from folkmoot.core.agent import Agent, ToolUse
from folkmoot.core.errors import Invalid
from folkmoot.ports.tool import Tool, ToolFactory
from folkmoot.tools import memory, shell
from folkmoot.tools.files import factories as files
from folkmoot.tools.files import paths
from folkmoot.tools.functions import FunctionTool
from folkmoot.tools.http import factories as http
from folkmoot.tools.names import checked
from folkmoot.tools.rules import Services


class Toolbox:
    """Tools by name."""

    def __init__(self) -> None:
        self._factories: dict[str, ToolFactory] = {}
        self.services = Services({"files": paths.form, "http": http.form})

    def register(
        self, name: str, factory: ToolFactory, actions: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        """Add a factory under a name. Raises Invalid when the name is taken or no name.

        `actions`: what permissions its tools may ask for, by service, so that misspelt rules are told;
        None: that cannot be said.
        """
        if checked(name) in self._factories:
            raise Invalid(f"There is a tool {name!r} already.", todo="Give this one another name.")
        self._factories[name] = factory
        if actions is None:
            self.services.whole = False
        for service, several in (actions or {}).items():
            self.services.add(service, several)

    def add(self, tool: FunctionTool[..., Any]) -> None:
        """Add a function tool under its own name."""
        self.register(tool.name, tool.factory, tool.actions())

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._factories)

    def bind(self, agent: Agent) -> Mapping[str, Tool]:
        """Return the agent's tools by their names, in the order of its file.

        Raises Invalid for a name that is not here, options that do not fit, or a name used twice.
        """
        bound: dict[str, Tool] = {}
        source: dict[str, str] = {}
        for use in agent.tools:
            for tool in self._make(agent, use):
                name = tool.spec.name
                if name in bound:
                    raise Invalid(
                        f"Agent {agent.name!r} has the tool {name!r} twice: by {source[name]!r} "
                        f"and by {use.name!r}.",
                        todo="Remove one of them from `tools`.",
                    )
                bound[name], source[name] = tool, use.name
        return bound

    def _make(self, agent: Agent, use: ToolUse) -> tuple[Tool, ...]:
        factory = self._factories.get(use.name)
        if factory is None:
            near = get_close_matches(use.name, self._factories, 3)
            hint = f"Did you mean {' or '.join(near)}?" if near else ""
            raise Invalid(
                f"Agent {agent.name!r} names a tool that is not here: {use.name!r}.",
                todo=f"{hint} The tools here are: {', '.join(self.names())}.".strip(),
            )
        return factory(agent, use.options)


def builtin() -> Toolbox:
    """Return a toolbox with the tools that come with Folkmoot."""
    toolbox = Toolbox()
    for part in (files, shell, http, memory):
        for name, factory in part.FACTORIES.items():
            toolbox.register(name, factory, part.ACTIONS)
    return toolbox
