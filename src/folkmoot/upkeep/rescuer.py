"""The rescuer: runs of workers whose heartbeat expired, and runs whose time has come, are queued again.

Any number of processes may do this at once: each row changes once, its fence is raised with it, and a
worker that was only slow finds its writes refused.
"""

from folkmoot.core.changes import Rescue
from folkmoot.ports.broker import Broker
from folkmoot.ports.clock import Clock
from folkmoot.ports.store import Store


class Rescuer:
    """Puts lost and woken runs back into the queue."""

    def __init__(self, store: Store, broker: Broker | None, clock: Clock, queue: str) -> None:
        """`queue` is where they are announced; without a broker that is left to relays elsewhere."""
        self._store = store
        self._broker = broker
        self._clock = clock
        self._queue = queue
        self.rescued = 0

    async def once(self) -> int:
        """Do one round; return how many runs were queued again."""
        outcome = (await self._store.write(Rescue(now=self._clock.now())))[0]
        assert isinstance(outcome, tuple)
        if self._broker is not None:
            for run in outcome:
                await self._broker.put(self._queue, run)
        self.rescued += len(outcome)
        return len(outcome)
