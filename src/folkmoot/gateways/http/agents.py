"""Agents: who is declared here, and reading their sources again."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import Field

from folkmoot.core.errors import AgentUnknown
from folkmoot.gateways.http.bodies import AgentBody, AgentsBody, ClearedBody, HeldBackBody, Out
from folkmoot.gateways.http.shared import DeskHere
from folkmoot.ports.desk import Reloaded

router = APIRouter(tags=["agents"])
aliases = APIRouter(tags=["agents"])


class ReloadedBody(Out):
    """What reading the agents' sources again brought."""

    agents: list[str] = Field(description="All agents that are in use now.")
    came: list[str]
    changed: list[str]
    gone: list[str]
    kept: list[str] = Field(description="In use as they were: their file has a mistake now.")
    mistakes: list[str] = Field(description="What is wrong in which file, in full.")

    @classmethod
    def of(cls, reloaded: Reloaded) -> "ReloadedBody":
        """Return an outcome as a body."""
        return cls.model_validate(msgspec.to_builtins(reloaded), strict=False)


@router.get("/agents")
async def list_agents(desk: DeskHere) -> AgentsBody:
    """List the agents, by name."""
    held = [HeldBackBody.model_validate(msgspec.to_builtins(x)) for x in await desk.held_back()]
    return AgentsBody(agents=[AgentBody.of(agent) for agent in desk.agents()], held_back=held)


@router.get("/agents/{name}")
async def show_agent(name: str, desk: DeskHere) -> AgentBody:
    """Return an agent."""
    for agent in desk.agents():
        if agent.name == name:
            return AgentBody.of(agent)
    raise AgentUnknown(f"There is no agent {name!r}.")


@router.post("/agents/{name}/clear")
async def clear_agent(name: str, desk: DeskHere) -> ClearedBody:
    """Forget an agent's failures: its runs are held back no more."""
    return ClearedBody(cleared=await desk.clear(name))


@router.post("/agents/reload")
@aliases.post("/api/v1/cache/invalidate", name="invalidate_cache")
async def reload_agents(
    desk: DeskHere, agent: Annotated[str, Query(description="Only this agent's file.")] = ""
) -> ReloadedBody:
    """Read the agents' sources again now, whatever their cache says, in the whole fleet.

    503 when a source cannot be read. A file with mistakes is named in `mistakes`; its agent stays as it was.
    """
    return ReloadedBody.of(await desk.reload(agent))
