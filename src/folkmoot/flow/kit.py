"""A kit: an agent's definition, bound to what carries it out. Made once for each definition."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from folkmoot.core.agent import Agent
from folkmoot.core.errors import NotFound, ProgramUnknown
from folkmoot.flow.parts import Parts
from folkmoot.ports.model import ToolView
from folkmoot.ports.program import Program
from folkmoot.ports.sandbox import Sandbox
from folkmoot.ports.tool import Tool


class Kit(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of this agent works with. `named`: tool → the item of the agent file that gave it."""

    agent: Agent
    program: Program
    tools: Mapping[str, Tool]
    named: Mapping[str, str]
    views: tuple[ToolView, ...]
    workspace: Path
    sandbox: Sandbox | None = None


class Kits:
    """The kits of the definitions that are in use."""

    def __init__(self, parts: Parts) -> None:
        """Start empty."""
        self._parts = parts
        self._kits: dict[str, Kit] = {}
        self._stored: set[str] = set()

    def stored(self, digest: str) -> bool:
        """Whether this process has put the definition into the store already."""
        return digest in self._stored

    def mark_stored(self, digest: str) -> None:
        """Note that the definition is in the store."""
        self._stored.add(digest)

    async def get(self, digest: str) -> Kit | None:
        """Return the kit of a definition, read from the store when need be; None when it is lost."""
        kit = self._kits.get(digest)
        if kit is None:
            data = await self._parts.store.blob(digest)
            if data is None:
                return None
            kit = self.make(msgspec.json.decode(data, type=Agent), digest)
        return kit

    async def need(self, digest: str) -> Kit:
        """Return the kit of a definition. Raises NotFound when it is lost, and as `make`."""
        kit = await self.get(digest)
        if kit is None:
            raise NotFound(f"The definition {digest[:12]} is not in the store.")
        return kit

    def make(self, agent: Agent, digest: str) -> Kit:
        """Bind an agent. Raises NotFound or Invalid when the agent names what is not here."""
        if digest in self._kits:
            return self._kits[digest]
        program = self._parts.programs.get(agent.program)
        if program is None:
            raise ProgramUnknown(
                f"Agent {agent.name} wants the program {agent.program!r}.",
                todo=f"Known programs: {', '.join(sorted(self._parts.programs))}.",
            )
        tools = self._parts.tools(agent)
        specs = [tool.spec for tool in tools.values()]
        kit = Kit(
            agent=agent,
            program=program,
            tools=tools,
            named=self._named(agent),
            views=tuple(ToolView(s.name, s.description, s.schema) for s in specs),
            workspace=self._workspace(agent),
            sandbox=self._parts.sandbox(agent.sandbox),
        )
        self._kits[digest] = kit
        return kit

    def _named(self, agent: Agent) -> dict[str, str]:
        """Return which item gave which tool: one item may give a group of tools."""
        given: dict[str, str] = {}
        for use in agent.tools:
            alone = msgspec.structs.replace(agent, tools=(use,))
            given |= dict.fromkeys(self._parts.tools(alone), use.name)
        return given

    def _workspace(self, agent: Agent) -> Path:
        path = Path(agent.workspace) if agent.workspace else self._parts.workspaces / agent.name
        return path.absolute()
