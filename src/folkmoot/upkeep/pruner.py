"""The pruner: runs that ended long ago go, in small parts, while everything else goes on.

Only the leader prunes, but nothing depends on that: two who do it at once share the work. What goes is
gone for good, the journal too: whoever must answer for it later keeps for longer, or for ever.
"""

from folkmoot.core import ids
from folkmoot.core.changes import Prune
from folkmoot.ports.clock import Clock
from folkmoot.ports.store import Store

_PART = 200
_PARTS = 25
_DAY_MS = 86_400_000


class Pruner:
    """Removes what is old."""

    def __init__(self, store: Store, clock: Clock, keep_days: float) -> None:
        """`keep_days`: how long a run stays after its end; 0 is for ever."""
        self._store = store
        self._clock = clock
        self._keep_ms = round(keep_days * _DAY_MS)
        self.pruned = 0

    async def once(self, _fence: int = 0) -> int:
        """Do one round; return how many runs went."""
        if not self._keep_ms:
            return 0
        before = self._clock.now() - self._keep_ms
        gone = 0
        for _ in range(_PARTS):
            part = await self._part(before)
            gone += part
            if part < _PART:
                break
        self.pruned += gone
        return gone

    async def _part(self, before: int) -> int:
        # Whatever writes meanwhile gets its turn between two parts.
        below = ids.make("run", max(before, 0), b"")
        (gone,) = await self._store.write(Prune(before=before, limit=_PART, below=below))
        assert isinstance(gone, tuple)
        return len(gone)
