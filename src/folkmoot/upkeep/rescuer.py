"""The rescuer: runs of workers whose heartbeat expired, and runs whose time has come, are queued again.

Any number of processes may do this at once: each row changes once, its fence is raised with it, and a
worker that was only slow finds its writes refused. What was queued again is announced by the relay, at
once where this process has one, with its own urgency and in its turn.
"""

from collections.abc import Awaitable, Callable

from folkmoot.core.changes import Rescue
from folkmoot.ports.clock import Clock
from folkmoot.ports.store import Store


class Rescuer:
    """Puts lost and woken runs back into the queue."""

    def __init__(
        self, store: Store, clock: Clock, announce: Callable[[int], Awaitable[object]] | None = None
    ) -> None:
        """`announce` is the relay's round, told under which fence."""
        self._store = store
        self._clock = clock
        self._announce = announce
        self.rescued = 0

    async def once(self, fence: int = 0) -> int:
        """Do one round; return how many runs were queued again."""
        outcome = (await self._store.write(Rescue(now=self._clock.now())))[0]
        assert isinstance(outcome, tuple)
        self.rescued += len(outcome)
        if outcome and self._announce is not None:
            await self._announce(fence)
        return len(outcome)
