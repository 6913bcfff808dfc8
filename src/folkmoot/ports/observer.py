"""An observer: sees every entry after it became durable. Logs, metrics and traces are made of this.

Because a journal entry carries when it happened and how long it took, telemetry is a fold over
entries: it needs no hook in the machine, and a run's trace goes on after a restart.
"""

from typing import Protocol

from folkmoot.core.entries import Body, Entry
from folkmoot.core.run import Run


class Observer(Protocol):
    """Called on the event loop, after the commit, in the order of each run's entries.

    It must not block and must not raise; what it raises is logged and dropped.
    One that cares about some entries only may say so: `kinds` is then the set of the types of their
    bodies, and it is not called for others. It does not change once the observer is in use.
    """

    def __call__(self, run: Run, entry: Entry, body: Body) -> None:
        """Look at one entry."""
        ...
