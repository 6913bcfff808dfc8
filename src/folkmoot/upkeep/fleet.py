"""The fleet as a whole: workers gone silent, runs that are stuck, lines that grow, nobody leading.

Looked up when somebody asks. None of it makes this process unfit for work, so none of it is critical: it
shows in /health and in metrics, and whoever watches the fleet decides.
"""

import msgspec

from folkmoot.core.changes import Lease
from folkmoot.ports.clock import Clock
from folkmoot.ports.desk import Part
from folkmoot.ports.store import Seen, Standing, Store

LEASE = "coordinator"
_NEWS_MS = 300_000
_FULL = 0.8
_TREND_S = 60.0
_NAMED = 3


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What is too much: seconds without an entry, seconds in line, runs in line."""

    stuck_s: float
    wait_s: float
    queue: int


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen at once. `now` is our own clock (ms)."""

    now: int
    standing: Standing
    lease: Lease


class Fleet:
    """Watches over a store."""

    def __init__(self, store: Store, clock: Clock, me: str, bounds: Bounds) -> None:
        """`me` is this process's name, as worker and as leader."""
        self.me = me
        self._store = store
        self._clock = clock
        self._bounds = bounds
        self._before: tuple[float, int] | None = None
        self._grown = ""

    async def look(self) -> Look:
        """Ask the store."""
        now = self._clock.now()
        quiet_before = now - round(self._bounds.stuck_s * 1000)
        standing = await self._store.standing(now, quiet_before)
        return Look(now=now, standing=standing, lease=await self._store.lease(LEASE))

    async def parts(self) -> list[Part]:
        """Look, and say what is not well."""
        look = await self.look()
        parts = [_workers(look.standing.workers), self._stuck(look), self._queue(look)]
        if look.lease.fence:  # otherwise nobody has ever led here, and nothing needs it
            parts.append(self._leadership(look.lease))
        return parts

    def _stuck(self, look: Look) -> Part:
        stuck = look.standing.stuck
        if not stuck:
            return _part("stuck", "no run")
        return _part(
            "stuck",
            f"{_some(stuck)}: held by a living worker, no entry for {self._bounds.stuck_s:g} s. "
            "See `folkmoot show RUN`; `folkmoot cancel RUN` ends it.",
            ok=False,
        )

    def _queue(self, look: Look) -> Part:
        lines = look.standing.lines
        depth = sum(line.runs for line in lines.values())
        waits = max(((look.now - line.since) / 1000 for line in lines.values()), default=0.0)
        said = ", ".join(f"{line.runs} {name}" for name, line in lines.items()) or "empty"
        if lines:
            said += f", the first for {max(waits, 0.0):.0f} s"
        said += self._trend(depth)
        ok = waits <= self._bounds.wait_s and depth < _FULL * self._bounds.queue
        todo = "" if ok else " Start more workers, or see what they wait for."
        return _part("queue", f"{said}.{todo}" if todo else said, ok=ok)

    def _trend(self, depth: int) -> str:
        """Say how the line has grown since about a minute ago."""
        now = self._clock.monotonic()
        if self._before is None:
            self._before = now, depth
        since, was = self._before
        if now - since >= _TREND_S:
            self._grown = f" ({depth - was:+} in {now - since:.0f} s)"
            self._before = now, depth
        return self._grown

    def _leadership(self, lease: Lease) -> Part:
        if not lease.left_ms:
            todo = "Start `folkmoot coordinator`, or see why it is silent."
            return _part("leadership", f"nobody leads (term {lease.fence}). {todo}", ok=False)
        who = "this process" if lease.holder == self.me else lease.holder
        return _part("leadership", f"{who} leads (term {lease.fence})")


def _workers(seen: tuple[Seen, ...]) -> Part:
    alive = [one for one in seen if one.left_ms]
    stale = [one for one in seen if not one.left_ms]
    news = [one for one in stale if one.runs or one.beat_ms < _NEWS_MS]
    said = f"{len(alive)} alive"
    if stale:
        each = [f"{x.worker} (for {x.beat_ms // 1000} s, {x.runs} runs)" for x in news or stale]
        said += f", {len(stale)} silent: {_some(each)}"
    if not alive:
        said += ". Start one: `folkmoot worker`."
    return _part("workers", said, ok=bool(alive) and not news)


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _part(name: str, detail: str, *, ok: bool = True) -> Part:
    return Part(name=name, ok=ok, detail=detail, critical=False)
