"""How the fleet stands: workers, what waits, what is stuck."""

from collections.abc import Awaitable, Callable

from folkmoot.core import changes as c
from folkmoot.core.run import RunState
from folkmoot.ports.store import STUCK, Store
from folkmoot.testing.contracts.store.samples import (
    ALIVE_MS,
    NOW,
    birth,
    end,
    rest,
    signal,
    start,
    take,
)

_LATER = NOW + 60_000
_SHORT_MS = 20


class Standings:
    """standing()."""

    async def test_nothing_stands_in_an_empty_store(self, store: Store) -> None:
        """Nobody, nothing; but the store's clock goes."""
        found = await store.standing(NOW, NOW)
        assert (found.workers, found.lines, found.stuck) == ((), {}, ())
        assert found.now > 0

    async def test_every_worker_is_seen_with_what_it_holds(self, store: Store) -> None:
        """By name, with its last note, its life left, and its running runs alone."""
        await store.write(c.Beat(worker="w2", ttl_ms=ALIVE_MS, note="first"))
        await store.write(c.Beat(worker="w2", ttl_ms=ALIVE_MS, note="n"))
        await store.write(c.Beat(worker="w1", ttl_ms=ALIVE_MS))
        await start(store, "r1", "w2")
        await start(store, "r2", "w2")
        await end(store, "r3")
        first, second = (await store.standing(NOW, NOW)).workers
        assert (first.worker, first.note, first.runs) == ("w1", "", 0)
        assert (second.worker, second.note, second.runs) == ("w2", "n", 2)
        assert 0 < second.left_ms <= ALIVE_MS
        assert 0 <= second.beat_ms < ALIVE_MS

    async def test_a_silent_worker_is_stale_until_it_retires(
        self, store: Store, elapse: Callable[[int], Awaitable[None]]
    ) -> None:
        """Also after its runs were rescued: that it vanished is worth knowing."""
        await store.write(c.Beat(worker="w1", ttl_ms=_SHORT_MS))
        await start(store, "r1", "w1")
        await elapse(2 * _SHORT_MS)
        (seen,) = (await store.standing(NOW, NOW)).workers
        assert (seen.left_ms, seen.runs) == (0, 1)
        assert seen.beat_ms >= _SHORT_MS
        await store.write(c.Rescue(now=NOW))
        (seen,) = (await store.standing(NOW, NOW)).workers
        assert (seen.left_ms, seen.runs) == (0, 0)
        await store.write(c.Retire(worker="w1", at=NOW))
        assert (await store.standing(NOW, NOW)).workers == ()

    async def test_ready_runs_stand_in_line_by_priority(self, store: Store) -> None:
        """Since they were queued, or since their delay is over; nobody else's business is in line."""
        await store.write(
            birth("r1", updated_at=NOW + 5),
            birth("r2", updated_at=NOW + 3),
            birth("r3", updated_at=NOW, ready_at=NOW + 7, priority="high"),
            birth("r4", ready_at=_LATER + 1),
        )
        await start(store, "r5")
        await rest(store, "r6")
        await end(store, "r7")
        lines = (await store.standing(_LATER, NOW)).lines
        assert {name: (line.runs, line.since) for name, line in lines.items()} == {
            "normal": (2, NOW + 3),
            "high": (1, NOW + 7),
        }
        assert set((await store.standing(NOW + 6, NOW)).lines) == {"normal"}

    async def test_who_comes_back_into_the_line_waits_anew(self, store: Store) -> None:
        """A run that rested is not older in the line than its awakening."""
        await rest(store, "r1")
        await store.write(signal("r1", "s1", at=NOW + 50))
        assert (await store.standing(_LATER, NOW)).lines["normal"].since == NOW + 50

    async def test_a_run_without_a_word_is_stuck(self, store: Store) -> None:
        """Held by a living worker, no entry and no claim for long; the longest quiet first."""
        await store.write(c.Beat(worker="w1", ttl_ms=ALIVE_MS), c.Beat(worker="dead", ttl_ms=0))
        await store.write(*[birth(run) for run in ("r1", "r2", "r3", "r4")])
        await take(store, "r1", "w1", NOW + 20)
        await take(store, "r2", "w1", NOW + 10)
        await take(store, "r3", "dead")
        held = await take(store, "r4", "w1")
        await store.write(held.move(RunState.WAITING))
        assert (await store.standing(_LATER, NOW + 10)).stuck == ()
        assert (await store.standing(_LATER, NOW + 11)).stuck == ("r2",)
        assert (await store.standing(_LATER, _LATER)).stuck == ("r2", "r1")

    async def test_an_entry_is_a_word(self, store: Store) -> None:
        """Whatever it says."""
        await store.write(c.Beat(worker="w1", ttl_ms=ALIVE_MS))
        held = await start(store, "r1", "w1", updated_at=NOW - 100)
        assert (await store.standing(_LATER, NOW + 1)).stuck == ("r1",)
        await store.write(held.append("goes on", at=_LATER))
        assert (await store.standing(_LATER, _LATER)).stuck == ()

    async def test_stuck_runs_are_named_up_to_a_bound(self, store: Store) -> None:
        """So that a fleet that hangs as a whole can still say so."""
        await store.write(c.Beat(worker="w1", ttl_ms=ALIVE_MS))
        names = [f"r{n:03}" for n in range(STUCK + 1)]
        await store.write(*[birth(run) for run in names])
        await store.write(*[c.Claim(run=run, worker="w1", now=NOW) for run in names])
        assert (await store.standing(_LATER, _LATER)).stuck == tuple(names[:STUCK])
