"""Whether the agents load, and whether their models could be asked: libraries and keys, not the network."""

from folkmoot.agents.catalog import Agents
from folkmoot.agents.source import Want
from folkmoot.core.agent import Agent
from folkmoot.core.errors import FolkmootError
from folkmoot.models.registry import Models
from folkmoot.ports.desk import Part


async def agents(catalog: Agents, models: Models, folder: str) -> list[Part]:
    """Read the agents, and make their models."""
    await catalog.refresh(Want(now=True))
    wrong = [fault.message for fault in catalog.faults] + [str(one) for one in catalog.mistakes]
    names = catalog.names()
    found = Part(
        name="agents",
        ok=not wrong,
        detail="; ".join(wrong) or ", ".join(names) or f"none in {folder}",
        todo="Correct these files; `folkmoot agents check` says more." if wrong else "",
    )
    return [found, await _models([catalog.get(name) for name in names], models)]


async def _models(agents: list[Agent], models: Models) -> Part:
    """Make every model that an agent names, as its first run would. Only names of keys are told."""
    wrong: dict[str, str] = {}
    todos: dict[str, None] = {}
    choices = {str(c): c for agent in agents for c in (agent.model, *agent.fallbacks)}
    for name, choice in choices.items():
        try:
            await models.warm(choice)
        except FolkmootError as fault:
            wrong[name] = f"{name}: {fault.message}"
            todos[fault.todo] = None
    if not wrong:
        detail = ", ".join(choices) or "no agent names one"
        return Part(name="models", ok=True, detail=detail, critical=False)
    return Part(
        name="models",
        ok=False,
        detail=" ".join(wrong.values()),
        critical=False,
        todo=" ".join(todo for todo in todos if todo),
    )
