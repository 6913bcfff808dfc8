"""The heartbeat: one row a worker, whatever the number of its runs.

It beats from the event loop that drives the runs: a loop that hangs beats no more, and its runs are
rescued. Expiry is judged by the store's clock; ours is only asked how long to pause.
"""

from folkmoot.core.changes import Beat
from folkmoot.ports.store import Store


class Heartbeat:
    """Says that a worker lives."""

    def __init__(self, store: Store, worker: str, lease_s: float, note: str = "") -> None:
        """`lease_s`: how long a beat counts."""
        self._store = store
        self._beat = Beat(worker=worker, ttl_ms=round(lease_s * 1000), note=note)

    async def once(self) -> None:
        """Beat."""
        await self._store.write(self._beat)
