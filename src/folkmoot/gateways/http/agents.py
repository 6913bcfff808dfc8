"""Agents: who is declared here."""

from fastapi import APIRouter

from folkmoot.core.errors import AgentUnknown
from folkmoot.gateways.http.bodies import AgentBody, AgentsBody
from folkmoot.gateways.http.shared import DeskHere

router = APIRouter(tags=["agents"])


@router.get("/agents")
async def list_agents(desk: DeskHere) -> AgentsBody:
    """List the agents, by name."""
    return AgentsBody(agents=[AgentBody.of(agent) for agent in desk.agents()])


@router.get("/agents/{name}")
async def show_agent(name: str, desk: DeskHere) -> AgentBody:
    """Return an agent."""
    for agent in desk.agents():
        if agent.name == name:
            return AgentBody.of(agent)
    raise AgentUnknown(f"There is no agent {name!r}.")
