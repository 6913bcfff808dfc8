"""Where agents come from."""

from typing import Protocol

from folkmoot.core.agent import Agent


class Catalog(Protocol):
    """The agents that are declared here, by name. Reading is cheap and never blocks."""

    def get(self, name: str) -> Agent:
        """Return an agent. Raises AgentUnknown."""
        ...

    def names(self) -> list[str]:
        """Return all names, sorted."""
        ...
