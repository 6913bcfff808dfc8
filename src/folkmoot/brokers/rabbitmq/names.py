"""The names in RabbitMQ.

    work.queue.<priority>            quorum queue of run ids (of the queue `runs`)
    work.queue.<queue>.<priority>    the same for any other queue
    agent_events                     topic exchange of events; routing key is `<event_type>.<priority>`
    agent.<name>                     quorum queue of the events that an agent is started by
    agent_events_dlx                 direct exchange, leads to
    dlq.<name of a queue>            what could not be read or dealt with
    agent_hints                      topic exchange of hints; routing key is the topic

A prefix (`?prefix=` in the URL) goes in front of each name of an exchange and of each queue's own name.
"""

from folkmoot.core.task import PRIORITIES

MAIN = "runs"


class Names:
    """Names under a prefix."""

    def __init__(self, prefix: str) -> None:
        """Begin all names with `prefix`."""
        self.events = f"{prefix}agent_events"
        self.hints = f"{prefix}agent_hints"
        self.dead = f"{prefix}agent_events_dlx"
        self._prefix = prefix

    def line(self, queue: str, priority: str) -> str:
        """Return the queue of one priority."""
        inner = "" if queue == MAIN else f"{queue}."
        return f"{self._prefix}work.queue.{inner}{priority}"

    def lines(self, queue: str) -> dict[str, str]:
        """Return the queues of all priorities, urgent first."""
        return {priority: self.line(queue, priority) for priority in PRIORITIES}

    def subscription(self, name: str) -> str:
        """Return the queue of a subscription."""
        return f"{self._prefix}agent.{name}"
