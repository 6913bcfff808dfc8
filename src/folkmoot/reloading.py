"""Reading again while the system runs: what is taken over at once, and what it says to people."""

import logging
from typing import Protocol

import msgspec

from folkmoot.agents.catalog import Agents, News
from folkmoot.agents.source import Source
from folkmoot.config import Settings
from folkmoot.core.errors import FolkmootError
from folkmoot.ports.desk import Part, Reloaded

_SHOWN = 3


def agents_part(catalog: Agents) -> Part:
    """Return the health of the agents: not well when a source or a file cannot be read.

    Never critical: the agents that were read before work on.
    """
    names, kept = catalog.names(), sorted(catalog.kept)
    wrong = [fault.message for fault in catalog.faults] + [str(one) for one in catalog.mistakes]
    detail = f"{len(names)} agents from {', '.join(s.shown for s in catalog.sources) or 'code'}"
    if kept:
        detail += f"; as they were before a mistake: {', '.join(kept)}"
    for one in wrong[:_SHOWN]:
        detail += f"; {one}"
    if len(wrong) > _SHOWN:
        detail += f"; and {len(wrong) - _SHOWN} more"
    return Part(name="agents", ok=not wrong, detail=detail, critical=False)


def reloaded(catalog: Agents, news: News, agent: str) -> Reloaded:
    """Return what a reload brought. Raises a source's fault, or AgentUnknown for an agent nobody declares."""
    for fault in catalog.faults:
        raise fault
    if agent and agent not in catalog.names() and agent not in news.gone:
        catalog.get(agent)
    return Reloaded(
        agents=tuple(catalog.names()),
        came=news.came,
        changed=news.changed,
        gone=news.gone,
        kept=tuple(sorted(catalog.kept)),
        mistakes=tuple(str(mistake) for mistake in catalog.mistakes),
    )


class Assigned(Protocol):
    """Who knows the settings as they are now (assignment.Member)."""

    async def settle(self) -> Settings:
        """Return the settings, read again. Raises what keeps them from being read."""
        ...

    def settled(self, fault: FolkmootError | None = None) -> None:
        """Hear that they are in force, or what kept them from it."""
        ...


class Running(Protocol):
    """What of app.App can change while it runs."""

    settings: Settings
    catalog: Agents

    @property
    def member(self) -> Assigned:
        """Who knows the settings."""
        ...

    async def read_agents(self, agent: str = "") -> Reloaded:
        """Read the agents' sources again."""
        ...

    def sources(self, settings: Settings) -> list[Source]:
        """Return the places that agents come from."""
        ...

    def resize(self, concurrency: int) -> None:
        """Drive at most so many runs at a time."""
        ...


_AT_ONCE = frozenset({"agents", "assign_url", "concurrency"})
_log = logging.getLogger("folkmoot")


async def reread(system: Running) -> Reloaded:
    """Read the settings and the agents again. Raises what kept the settings from being read."""
    fault: FolkmootError | None = None
    later: tuple[str, ...] = ()
    try:
        later = await _adopt(system, await system.member.settle())
    except FolkmootError as one:
        fault = one
        _log.error("reload_failed", extra={"error": str(one)})
    system.member.settled(fault)
    found = await system.read_agents()
    if fault is not None:
        raise fault
    return msgspec.structs.replace(found, later=later)


async def _adopt(system: Running, settings: Settings) -> tuple[str, ...]:
    """Take over what can change at once, and return the names of the settings that wait for a start.

    Raises SourceFault when a new place of agents cannot be read; then nothing has changed.
    """
    differ = {
        name
        for name in type(settings).model_fields
        if getattr(settings, name) != getattr(system.settings, name)
    }
    if "agents" in differ:
        await system.catalog.switch(system.sources(settings))
    if "concurrency" in differ:
        system.resize(settings.concurrency)
    changed = {name: getattr(settings, name) for name in differ & _AT_ONCE}
    system.settings = system.settings.model_copy(update=changed)
    return tuple(sorted(differ - _AT_ONCE))
