"""From an event to the task for an agent: which of its triggers fits first, and what that makes of it."""

import msgspec

from folkmoot.core import envelope as envelopes
from folkmoot.core import fill
from folkmoot.core.agent import Agent, Trigger
from folkmoot.core.envelope import FIELDS, MOST_HOPS, Envelope
from folkmoot.core.errors import TaskInvalid
from folkmoot.core.task import EVENT, Task


def fitting(agent: Agent, event: Envelope, topic: str) -> Trigger | None:
    """Return the first trigger of an agent that wants an event."""
    for trigger in agent.triggers:
        if envelopes.fits(trigger.event, event, topic):
            return trigger
    return None


def task(agent: Agent, trigger: Trigger, event: Envelope, key: str) -> Task:
    """Return what the agent is asked. Raises Invalid (no such field), TaskInvalid (a circle)."""
    if event.hop_count >= MOST_HOPS:
        raise TaskInvalid(
            f"The event has come through {event.hop_count} runs, each started by the one before.",
            todo="Look for agents that start each other in a circle.",
        )
    labels = {
        "event_id": event.event_id,
        "event_type": event.event_type,
        "event_hops": str(event.hop_count + 1),
    }
    if event.trace_id:
        labels["trace_id"] = event.trace_id
    return Task(
        agent=agent.name,
        input=_input(trigger, event),
        source=EVENT,
        key=key,
        priority=trigger.priority or event.priority,
        labels=labels,
    )


def _input(trigger: Trigger, event: Envelope) -> str:
    if not trigger.input:
        return msgspec.json.encode(event.payload).decode()
    return fill.fill(trigger.input, {name: getattr(event, name) for name in FIELDS})
