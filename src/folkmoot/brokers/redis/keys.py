"""The names in Redis. `LLEN work:queue:high` tells how many urgent runs wait.

    work:queue:<priority>       list of run ids; pushed left, taken right (of the queue `runs`)
    work:queue:<queue>:<priority>    the same for any other queue
    work:announced:<queue>      hash run -> ms: what is in the lists now
    work:wake:<queue>           list of at most one token; takers block on it
    work:held:<queue>:<taker>   hash number -> "<list> <run>": what a taker holds
    work:takers                 zset "<queue>:<taker>" -> ms at which its lease ends
    work:memory                 string: another one after a flush
    events:<topic>              channels of hints
    agent_events:subscriptions  hash "<subscription> <pattern>" -> ms at which it was last served
    agent_events:agent.<name>   stream of the events that an agent is started by; group `agents`

A prefix (`?prefix=` in the URL) goes in front of each.
"""

from folkmoot.core.task import PRIORITIES

MAIN = "runs"


class Keys:
    """Names under a prefix."""

    def __init__(self, prefix: str) -> None:
        """Begin all names with `prefix`."""
        self.prefix = prefix
        self.takers = f"{prefix}work:takers"
        self.memory = f"{prefix}work:memory"
        self.hints = f"{prefix}events:"
        self.subscriptions = f"{prefix}agent_events:subscriptions"

    def lists(self, queue: str) -> list[str]:
        """Return the lists of a queue, from urgent to patient."""
        inner = "" if queue == MAIN else f"{queue}:"
        return [f"{self.prefix}work:queue:{inner}{priority}" for priority in PRIORITIES]

    def announced(self, queue: str) -> str:
        """Return the name of what is announced."""
        return f"{self.prefix}work:announced:{queue}"

    def wake(self, queue: str) -> str:
        """Return the name of what takers wait for."""
        return f"{self.prefix}work:wake:{queue}"

    def held(self, taker: str) -> str:
        """Return the name of what a taker (`<queue>:<name>`) holds."""
        return f"{self.prefix}work:held:{taker}"

    def stream(self, name: str) -> str:
        """Return the stream of a subscription."""
        return f"{self.prefix}agent_events:agent.{name}"

    def of(self, taker: str) -> list[str]:
        """Return all that a hand-over to a taker touches, but the takers."""
        queue = taker.rpartition(":")[0]
        return [*self.lists(queue), self.announced(queue), self.wake(queue), self.held(taker)]
