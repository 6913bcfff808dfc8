"""How urgent a queued run is: its priority, and how long it has waited.

A run rises by one class for each step of ageing that it has waited, up to `critical`: nothing waits for
ever behind what is more urgent. The classes are those of core/task.py, 0 (critical) to 3 (low).
"""

from folkmoot.core.task import PRIORITIES

AGEING_MS = 60_000
AGAIN_MS = 60_000
"""How long an announcement in a broker is trusted; then it is said again."""
FIRST_TRUST_MS = 10_000
"""How long the first one is, by who made the run: it may have died between the two."""
RANK = {name: rank for rank, name in enumerate(PRIORITIES)}


def urgency(priority: str, created_at: int, now: int, ageing_ms: int = AGEING_MS) -> int:
    """Return the class that a run has risen to by now."""
    return max(0, RANK[priority] - max(0, now - created_at) // ageing_ms)


def risen(priority: str, created_at: int, now: int, ageing_ms: int = AGEING_MS) -> str:
    """Return the name of that class."""
    return PRIORITIES[urgency(priority, created_at, now, ageing_ms)]
