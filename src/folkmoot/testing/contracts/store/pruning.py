"""What is old goes, and nothing else."""

import pytest

from folkmoot.core import changes as c
from folkmoot.core.run import FINAL, RunState
from folkmoot.ports.store import Query, Store
from folkmoot.testing.contracts.store.samples import (
    NOW,
    birth,
    end,
    known,
    rest,
    retry,
    signal,
    start,
    take,
)

LATER = NOW + 1


def _prune(limit: int = 100, below: str = "") -> c.Prune:
    return c.Prune(before=LATER, limit=limit, below=below)


class Pruning:
    """Prune."""

    @pytest.mark.parametrize("state", sorted(FINAL))
    async def test_what_ended_before_goes_with_all_that_is_its(
        self, store: Store, state: RunState
    ) -> None:
        """The run, its journal, its signals, its key; the counts know it."""
        held = await start(store, "r1", key="k")
        await store.write(held.append("x" * 10_000), signal("r1", "s1"))
        await store.write(held.move(state))
        assert await store.write(_prune()) == (("r1",),)
        assert (await store.run("r1"), await store.entries("r1")) == (None, [])
        assert (await store.signals(["r1"]), await store.runs(Query())) == ([], [])
        assert not (await store.counts()).states.get(state)
        assert await store.write(birth("r2", key="k")) == (c.Born("r2", new=True),)

    async def test_what_is_open_or_young_stays(self, store: Store) -> None:
        """Queued, running, waiting: whatever their age."""
        await store.write(birth("r1"))
        await start(store, "r2")
        await rest(store, "r3")
        held = await start(store, "r4")
        await store.write(held.move(RunState.SUCCEEDED, at=LATER))
        assert await store.write(_prune()) == ((),)
        assert len(await store.runs(Query())) == len(("r1", "r2", "r3", "r4"))

    async def test_a_letter_that_must_leave_keeps_its_run(self, store: Store) -> None:
        """When it has arrived, both go."""
        await end(store, "r1")
        await store.write(c.Outbox(id="o", run="r1", topic="t", body=b"{}", at=NOW))
        assert await store.write(_prune()) == ((),)
        await store.write(c.Sent(id="o", at=NOW))
        assert await store.write(_prune()) == (("r1",),)

    async def test_the_oldest_go_first_and_not_more_than_asked_for(self, store: Store) -> None:
        """So that it can be done in small parts."""
        for run in ("r3", "r1", "r2"):
            await end(store, run)
        assert await store.write(_prune(2)) == (("r1", "r2"),)
        assert await store.write(_prune(2)) == (("r3",),)

    async def test_only_ids_below_are_looked_at(self, store: Store) -> None:
        """The bound is no part of it."""
        for run in ("r1", "r2"):
            await end(store, run)
        assert await store.write(_prune(below="r2")) == (("r1",),)

    async def test_a_body_that_another_run_has_stays(self, store: Store) -> None:
        """Equal bodies are kept once: the last who has one takes it along."""
        first, second = await start(store, "r1"), await start(store, "r2")
        await store.write(first.append("x" * 10_000), second.append("x" * 10_000))
        await store.write(first.move(RunState.SUCCEEDED))
        assert await store.write(_prune()) == (("r1",),)
        assert "x" * 10_000 in (await store.entries("r2"))[-1].body.decode()

    async def test_a_definition_stays(self, store: Store) -> None:
        """The next run of the agent needs it, and whoever wrote it once does not write it again."""
        held = await end(store, "r1")
        blob = c.PutBlob(
            digest="ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", data=b"a"
        )
        await store.write(blob)
        await store.write(_prune())
        assert held.run == "r1"
        assert await store.blob(blob.digest) == b"a"

    async def test_a_run_that_is_tried_again_is_open(self, store: Store) -> None:
        """It stays, and can be claimed."""
        await end(store, "r1", RunState.FAILED)
        await store.write(retry("r1", "s1"))
        assert await store.write(_prune()) == ((),)
        assert (await take(store, "r1")).run == "r1"
        assert (await known(store, "r1")).state == RunState.RUNNING
