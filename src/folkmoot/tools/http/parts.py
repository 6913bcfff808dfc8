"""What an HTTP tool is made of."""

from folkmoot.core.agent import Agent
from folkmoot.tools.http.addresses import resolve
from folkmoot.tools.http.egress import Egress
from folkmoot.tools.http.wire import Wire


def of(agent: Agent) -> tuple[Egress, Wire]:
    """Return the ways out of an agent, and the wire."""
    return Egress(agent, resolve), Wire()
