"""The names in RabbitMQ.

    work.queue.<priority>            quorum queue of run ids (of the queue `runs`)
    work.queue.<queue>.<priority>    the same for any other queue
    dlq.<name of a queue>            what could not be read, by way of `agent_events_dlx` (direct)
    agent_events                     topic exchange of all events; routing key is the topic

A prefix (`?prefix=` in the URL) goes in front of each.
"""

from folkmoot.core.task import PRIORITIES

MAIN = "runs"


class Names:
    """Names under a prefix."""

    def __init__(self, prefix: str) -> None:
        """Begin all names with `prefix`."""
        self.events = f"{prefix}agent_events"
        self.dead = f"{prefix}agent_events_dlx"
        self._prefix = prefix

    def line(self, queue: str, priority: str) -> str:
        """Return the queue of one priority."""
        inner = "" if queue == MAIN else f"{queue}."
        return f"{self._prefix}work.queue.{inner}{priority}"

    def lines(self, queue: str) -> dict[str, str]:
        """Return the queues of all priorities, urgent first."""
        return {priority: self.line(queue, priority) for priority in PRIORITIES}
