"""The leader: of all processes that stand, one does what must be done once.

States: candidate → leader → candidate. Every round asks the store for the lease `coordinator`: to take
it, or to renew it. The store's clock judges when it is over; ours only says until when we may believe to
lead, counted from before the question was sent, so that we stop believing first.

Authority: the fence. It grows with every grant, so of two who believe to lead only one can write: every
duty puts `Under(LEASE, fence)` into its sets, and the store refuses the older one whole. A leader that was
stopped (SIGSTOP, a hanging host) and goes on later finds its belief over, and what it had begun refused.
`fence` is asked anew before each act and is never kept.

Stand-ins: a worker also stands, but takes the lease only after it saw it free for `patience_s`. So a fleet
of workers alone still has a leader, and coordinators come first where there are any.

Failures: a store that does not answer makes a round fail; the belief runs out by itself. Leaving gives the
lease back, so that the next need not wait for it to run out.
"""

from collections.abc import Awaitable, Callable

from folkmoot.core.changes import Acquire, Release, Under
from folkmoot.ports.clock import Clock
from folkmoot.ports.store import Store

LEASE = "coordinator"


class Leader:
    """One process that stands for leading."""

    def __init__(
        self, store: Store, clock: Clock, holder: str, ttl_s: float, patience_s: float = 0.0
    ) -> None:
        """`ttl_s`: how long a grant lasts. Rounds should come four times as often."""
        self._store = store
        self._clock = clock
        self._acquire = Acquire(name=LEASE, holder=holder, ttl_ms=round(ttl_s * 1000))
        self._ttl_s = ttl_s
        self._patience_s = patience_s
        self._fence = 0
        self._until = float("-inf")
        self._free_since: float | None = None
        self.terms = 0

    @property
    def fence(self) -> int:
        """The fence to act under now; 0 when we do not lead."""
        return self._fence if self._clock.monotonic() < self._until else 0

    async def once(self) -> bool:
        """Do one round; return whether we lead."""
        began = self._clock.monotonic()
        if not self.fence and not await self._may_stand(began):
            return False
        (fence,) = await self._store.write(self._acquire)
        if not isinstance(fence, int):
            self._until = float("-inf")
            return False
        if fence != self._fence:
            self.terms += 1
        self._fence, self._until = fence, began + self._ttl_s
        return True

    async def _may_stand(self, now: float) -> bool:
        """Whether it is our turn: at once, or when nobody has led for as long as we are patient."""
        if not self._patience_s:
            return True
        lease = await self._store.lease(LEASE)
        if lease.left_ms:
            self._free_since = None
            return False
        if self._free_since is None:
            self._free_since = now
        return now - self._free_since >= self._patience_s

    async def resign(self) -> None:
        """Give the lease back. Idempotent."""
        fence, self._until = self.fence, float("-inf")
        if fence:
            await self._store.write(Release(name=LEASE, holder=self._acquire.holder, fence=fence))


def under(fence: int) -> Under:
    """Return the guard that stands in every set of a duty that only the leader does."""
    return Under(name=LEASE, fence=fence)


def led(
    leader: Leader,
    act: Callable[[int], Awaitable[object]],
    watch: Callable[[], Awaitable[object]] | None = None,
) -> Callable[[], Awaitable[object]]:
    """Return a round that acts under the leader's fence, and only watches where we do not lead."""

    async def once() -> object:
        fence = leader.fence
        if fence:
            return await act(fence)
        return await watch() if watch is not None else None

    return once
