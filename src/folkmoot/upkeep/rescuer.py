"""The rescuer: runs of workers whose heartbeat expired, and runs whose time has come, are queued again.

Whoever may come to rescue watches the store's clock all the time (leaps.py): a clock that was set kills
nobody.

Any number of processes may do this at once: each row changes once, its fence is raised with it, and a
worker that was only slow finds its writes refused. What was queued again is announced by the relay, at
once where this process has one, with its own urgency and in its turn.
"""

from collections.abc import Awaitable, Callable

from folkmoot.core.changes import Rescue
from folkmoot.ports.clock import Clock
from folkmoot.ports.store import Store
from folkmoot.upkeep.leaps import Leaps


class Rescuer:
    """Puts lost and woken runs back into the queue."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        lease_s: float,
        announce: Callable[[int], Awaitable[object]] | None = None,
    ) -> None:
        """`lease_s`: how long a heartbeat lasts; `announce`: the relay's round, told under which fence."""
        self._store = store
        self._clock = clock
        self._leaps = Leaps(store.now, clock, lease_s)
        self._announce = announce
        self.rescued = 0

    async def watch(self) -> None:
        """Do the round of one who does not lead: look at the clock."""
        await self._leaps.look()

    async def once(self, fence: int = 0) -> int:
        """Do one round; return how many runs were queued again."""
        present = await self._leaps.look()
        rescue = Rescue(now=self._clock.now(), earliest=present.earliest, latest=present.latest)
        outcome = (await self._store.write(rescue))[0]
        assert isinstance(outcome, tuple)
        self.rescued += len(outcome)
        if outcome and self._announce is not None:
            await self._announce(fence)
        return len(outcome)
