"""An agent's packet, as far as there is one today: the task of its current run, and its bounds.

Read from the store, where both are fixed when the run is made: the task in the journal's first entry,
the definition by its hash. So it is the same packet whichever process took the task. The objective is
masked and cut; the instruction packet that a governed agent needs (constraints, targets) is not here yet.
"""

from collections import OrderedDict
from typing import Any

import msgspec

from folkmoot.core.agent import Agent
from folkmoot.core.entries import Created
from folkmoot.core.run import Run
from folkmoot.core.task import Task
from folkmoot.ports.store import Store
from folkmoot.telemetry import masks
from folkmoot.telemetry.hotstate.commands import when

_OBJECTIVE = 500
_DEFINITIONS = 100


class Packets:
    """Makes packets."""

    def __init__(self, store: Store) -> None:
        """Read from this store, and remember definitions."""
        self._store = store
        self._agents: OrderedDict[str, Agent] = OrderedDict()

    async def of(self, run: Run) -> dict[str, Any] | None:
        """Return a run's packet, or None when its task or its definition is gone."""
        first = await self._store.entries(run.id, 0, 1)
        body = first[0].read() if first else None
        agent = await self._agent(run.definition)
        if not isinstance(body, Created) or agent is None:
            return None
        return _packet(run, body.task, agent)

    async def _agent(self, digest: str) -> Agent | None:
        known = self._agents.get(digest)
        if known is None:
            data = await self._store.blob(digest)
            if data is None:
                return None
            known = self._agents[digest] = msgspec.json.decode(data, type=Agent)
            if len(self._agents) > _DEFINITIONS:
                self._agents.popitem(last=False)
        return known


def _packet(run: Run, task: Task, agent: Agent) -> dict[str, Any]:
    limits, budget = agent.limits, agent.budget
    bounds = {
        "iterations": limits.iterations,
        "tokens": limits.tokens,
        "usd": limits.usd,
        "seconds": limits.seconds,
        "usd_per_day": budget.usd_per_day,
        "usd_per_month": budget.usd_per_month,
    }
    packet = {
        "agent_id": run.agent,
        "task_id": run.id,
        "objective": masks.text(task.input)[:_OBJECTIVE],
        "allowed_tools": [use.name for use in agent.tools],
        "allowed_actions": list(agent.grants),
        "forbidden_actions": list(agent.denies),
        "approvals": [approval.match for approval in agent.approvals],
        "budgets": {name: bound for name, bound in bounds.items() if bound is not None},
        "priority": task.priority,
        "source": task.source,
        "definition": run.definition,
        "created_at": when(run.created_at),
    }
    if task.deadline is not None:
        packet["deadline"] = when(task.deadline)
    return packet
