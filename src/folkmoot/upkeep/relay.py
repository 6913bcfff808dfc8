"""The relay: announces what the store says is ready and nobody has announced.

So every broker may lose what it likes: a run that is ready and was not announced within `again_ms` is
announced (again). In one process that also finds what another process has put into the store.
A broker between processes is filled by the leader; a process whose own connection lost something says
all again, once. A broker inside one process is filled by that process.
When the broker says that it lost something (`losses`), in the first round, and in the first of each term
as leader, no announcement from before is trusted: whoever led between may have died before it said what it
had noted as said.

A broker is a line, first come first served. So that the store's order holds (urgency that grows with
waiting, turns over tenants and agents: ports/store.py), no more than `window` runs stand in that line at a
time; the others wait in the store, and the relay comes again soon while there are any. A run is announced
under the class to which it has risen, so that a long wait counts in the broker, too.
"""

import asyncio

from folkmoot.core.changes import Announced
from folkmoot.core.urgency import risen
from folkmoot.ports.broker import Broker
from folkmoot.ports.clock import Clock
from folkmoot.ports.store import Store
from folkmoot.upkeep.leader import under

_BATCH = 1000


class Relay:
    """Announces ready runs."""

    def __init__(
        self, store: Store, broker: Broker, clock: Clock, queue: str, *, again_ms: int, window: int
    ) -> None:
        """`again_ms`: how long an announcement is trusted; `window`: how many stand in the broker."""
        self._store = store
        self._broker = broker
        self._clock = clock
        self._queue = queue
        self._again_ms = again_ms
        self._window = window
        self._losses: int | None = None
        self._term = 0
        self._distrust = 0

    async def lost(self) -> bool:
        """Do a round only when our own broker has lost something since the last: for who does not lead.

        What this process announced and its connection dropped nobody else knows of.
        """
        losses = getattr(self._broker, "losses", 0)
        if self._losses is None or losses == self._losses:
            self._losses = losses
            return False
        return await self.once()

    async def once(self, fence: int = 0) -> bool:
        """Do one round; return whether there may be more to announce soon.

        The first round trusts no announcement: the broker may be as new as we are. With a `fence` it is
        the leader's round (upkeep/leader.py).
        """
        now = self._clock.now()
        before = max(now - self._again_ms, self._distrust)
        losses = getattr(self._broker, "losses", 0)
        if losses != self._losses or fence != self._term:
            self._losses, self._distrust, before = losses, now, now + 1
            self._term = fence
        room = self._window - await self._store.announced(before)
        if room <= 0:
            return True
        asked = min(room, _BATCH)
        runs = await self._store.ready(now, asked, before)
        if len(runs) < asked:
            # All from before is said again. New runs count as announced long ago (FIRST_TRUST_MS): to
            # go on would say each of them twice, for as long as an announcement is trusted.
            self._distrust = 0
        if runs:
            announced = Announced(runs=tuple(run.id for run in runs), at=now)
            await self._store.write(*([under(fence)] if fence else []), announced)
        # All at once, in this order: a broker says together what is given to it together.
        await asyncio.gather(
            *(
                self._broker.put(self._queue, run.id, risen(run.priority, run.created_at, now))
                for run in runs
            )
        )
        return bool(runs)
