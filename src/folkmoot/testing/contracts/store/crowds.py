"""Many writers at once: sets stay whole, apart, and in order."""

import asyncio

import pytest

from folkmoot.core import changes as c
from folkmoot.core.entries import broken
from folkmoot.core.errors import LeaseLost
from folkmoot.core.run import RunState
from folkmoot.ports.store import Query, Store
from folkmoot.testing.contracts.store.samples import (
    CROWD,
    NOW,
    birth,
    known,
    rest,
    signal,
    start,
    take,
)


class Crowds:
    """Concurrent write(), and reads beside it."""

    async def test_a_failing_set_does_not_touch_its_neighbours(self, store: Store) -> None:
        """Every third of a hundred sets is stale; exactly these fail, and leave nothing."""
        hands = [await start(store, f"r{n:03}") for n in range(CROWD)]
        for held in hands[::3]:
            held.fence += 7
        letters = [c.Outbox(id=x.run, run=x.run, topic="t", body=b"", at=NOW) for x in hands]
        sets = [(letter, x.append("a")) for letter, x in zip(letters, hands, strict=True)]
        answers = await asyncio.gather(*[store.write(*s) for s in sets], return_exceptions=True)
        failed = [isinstance(answer, LeaseLost) for answer in answers]
        assert failed == [n % 3 == 0 for n in range(CROWD)]
        assert [len(await store.entries(held.run)) for held in hands] == [
            1 if lost else 2 for lost in failed
        ]
        sent = [letter.id for letter in await store.outbox(NOW, CROWD)]
        assert sent == [held.run for held, lost in zip(hands, failed, strict=True) if not lost]

    async def test_sets_are_applied_in_the_order_in_which_they_were_started(
        self, store: Store
    ) -> None:
        """A journal's entries, written without waiting for each other, all find their places."""
        held = await start(store, "r1")
        appends = [held.append(str(n)) for n in range(CROWD)]
        await asyncio.gather(*[store.write(change) for change in appends])
        journal = await store.entries("r1")
        assert [entry.seq for entry in journal] == list(range(1, CROWD + 2))
        assert broken(journal) is None

    async def test_a_set_is_seen_whole_or_not_at_all(self, store: Store) -> None:
        """A reader beside a hundred writers never sees a part of a set."""
        held = await start(store, "r1")
        sets = [(held.append("a"), held.append("b", "c")) for _ in range(CROWD)]
        writing = [asyncio.ensure_future(store.write(*changes)) for changes in sets]
        seen = [len(await store.entries("r1"))]
        while not all(task.done() for task in writing):
            seen.append(len(await store.entries("r1")))
            await asyncio.sleep(0)
        await asyncio.gather(*writing)
        seen.append(len(await store.entries("r1")))
        assert {count % 3 for count in seen} == {1}
        assert seen == sorted(seen)
        assert seen[-1] == 1 + 3 * CROWD

    async def test_what_was_written_is_read(self, store: Store) -> None:
        """A write that has returned is in every read that begins after it."""

        async def write_and_look(n: int) -> None:
            held = await start(store, f"r{n:03}", f"w{n}")
            await store.write(held.append("a"), signal(held.run, "s1"))
            assert [entry.seq for entry in await store.entries(held.run)] == [1, 2]
            assert await store.signalled(f"w{n}") == [held.run]
            await store.write(held.move(RunState.SUCCEEDED, output=held.run))
            assert (await known(store, held.run)).output == held.run

        await asyncio.gather(*[write_and_look(n) for n in range(CROWD)])
        assert len(await store.runs(Query(states=(RunState.SUCCEEDED,), limit=1000))) == CROWD

    async def test_a_wrong_set_among_strange_ones_fails_alone(self, store: Store) -> None:
        """Also one that no store could write: a neighbour must not pay for it."""
        first = await start(store, "r1")
        sets: list[tuple[c.Change, ...]] = [
            (first.append("a"),),
            (birth("r2"), c.Rescue(now=NOW)),
            (birth("r1"),),
            (c.PutBlob(digest="00", data=b"x"),),
            (signal("r0", "s1"),),
            (first.append("b"),),
        ]
        answers = await asyncio.gather(*[store.write(*s) for s in sets], return_exceptions=True)
        assert [isinstance(answer, Exception) for answer in answers] == (
            [False, True, True, True, True, False]
        )
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2, 3]

    async def test_a_cancelled_writer_leaves_a_whole_set_or_none(self, store: Store) -> None:
        """Nobody can tell whether it was too late; but it is never half."""
        held = await start(store, "r1")
        task = asyncio.ensure_future(store.write(held.append("a"), signal("r1", "s1")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await store.write(birth("r2"))
        found = len(await store.entries("r1")), len(await store.signals(["r1"]))
        assert found in {(1, 0), (2, 1)}

    async def test_waking_and_sleeping_in_a_crowd_loses_no_wake(self, store: Store) -> None:
        """Each of a hundred runs is spoken to while it goes to sleep; none sleeps through it."""
        hands = [await start(store, f"r{n:03}") for n in range(CROWD)]
        moves = [store.write(held.move(RunState.WAITING)) for held in hands]
        words = [store.write(signal(held.run, "s1")) for held in hands]
        both = zip(moves, words, strict=True)
        mixed = [pair[:: 1 if n % 2 else -1] for n, pair in enumerate(both)]
        await asyncio.gather(*[one for pair in mixed for one in pair])
        queued = await store.runs(Query(states=(RunState.QUEUED,), limit=1000))
        assert len(queued) == CROWD

    async def test_a_run_that_was_woken_and_claimed_at_once_waits_for_nothing(
        self, store: Store
    ) -> None:
        """However closely one set follows another, each of them leaves its traces, in order."""
        held = await start(store, "r1")
        move = held.move(RunState.WAITING, wake_at=NOW + 50, waits_for="time", output="so far")
        claim = c.Claim(run="r1", worker="w2", now=NOW + 2)
        changes: list[c.Change] = [move, signal("r1", "s1", at=NOW + 1), claim]
        *_, (claimed,) = await asyncio.gather(*[store.write(change) for change in changes])
        assert isinstance(claimed, c.Claimed)
        run = await known(store, "r1")
        assert run == claimed.run
        assert (run.state, run.worker, run.fence) == (RunState.RUNNING, "w2", held.fence + 1)
        assert (run.wake_at, run.waits_for, run.output) == (None, "", "so far")
        assert run.updated_at == NOW + 2

    async def test_a_long_life_ends_where_it_should(self, store: Store) -> None:
        """Claimed, stepped, put to sleep, woken and claimed again, many times over."""
        held = await rest(store, "r1")
        for turn in range(20):
            await store.write(signal("r1", f"s{turn}"))
            held = await take(store, "r1", f"w{turn}")
            await store.write(held.append("a"), held.consume(f"s{turn}"))
            await store.write(held.move(RunState.WAITING, signals_seen=turn + 1))
        run, journal = await known(store, "r1"), await store.entries("r1")
        assert (run.state, run.fence) == (RunState.WAITING, held.fence)
        assert (run.head, run.head_hash) == (journal[-1].seq, journal[-1].hash.hex())
        assert broken(journal) is None
