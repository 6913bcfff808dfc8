"""What a reading of the agents' sources says to people: in health, and to who asked for it."""

from folkmoot.agents.catalog import Agents, News
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
