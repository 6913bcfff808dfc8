"""Listing and counting runs; what is left after closing."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from folkmoot.core.errors import StoreClosed
from folkmoot.core.run import RunState
from folkmoot.ports.store import Query, Store
from folkmoot.testing.contracts.store.samples import NOW, birth, end, rest, start

_READS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "run": lambda store: store.run("r1"),
    "runs": lambda store: store.runs(Query()),
    "entries": lambda store: store.entries("r1"),
    "signals": lambda store: store.signals(["r1"]),
    "signalled": lambda store: store.signalled("w1"),
    "ready": lambda store: store.ready(NOW, 1, NOW),
    "due": lambda store: store.due(),
    "blob": lambda store: store.blob("00"),
    "spent": lambda store: store.spent("s"),
    "outbox": lambda store: store.outbox(NOW, 1),
    "counts": lambda store: store.counts(),
    "standing": lambda store: store.standing(NOW, NOW),
    "now": lambda store: store.now(),
    "changed": lambda store: store.changed(),
    "write": lambda store: store.write(birth("r2")),
}


async def _ids(store: Store, query: Query) -> list[str]:
    return [run.id for run in await store.runs(query)]


class Reading:
    """runs(), counts(), open(), close()."""

    async def test_runs_are_listed_newest_first(self, store: Store) -> None:
        """By id, whatever the order of writing; `limit` binds; pages neither miss nor repeat."""
        names = [f"r{n:02}" for n in range(20)]
        await store.write(*[birth(run) for run in names[::2]])
        await store.write(*[birth(run) for run in reversed(names[1::2])])
        newest = names[::-1]
        assert await _ids(store, Query()) == newest
        pages: list[str] = []
        while page := await _ids(store, Query(limit=6, before=pages[-1] if pages else "")):
            pages += page
        assert pages == newest
        assert await _ids(store, Query(before="r00")) == []
        assert await _ids(store, Query(before="r015", limit=1)) == ["r01"]

    async def test_runs_are_filtered_by_agent_and_state(self, store: Store) -> None:
        """By the whole name of the agent, by any of the states, by both; before the limit."""
        await store.write(birth("r1", agent="a"), birth("r2", agent="ab"), birth("r3", agent="a"))
        await end(store, "r4")
        await rest(store, "r5")
        assert await _ids(store, Query(agent="a")) == ["r3", "r1"]
        assert await _ids(store, Query(agent="a", limit=1, before="r3")) == ["r1"]
        states = (RunState.WAITING, RunState.SUCCEEDED)
        assert await _ids(store, Query(states=states)) == ["r5", "r4"]
        assert await _ids(store, Query(states=(RunState.QUEUED,), agent="ab")) == ["r2"]
        assert await _ids(store, Query(states=(RunState.FAILED,))) == []

    async def test_a_listed_run_is_the_whole_run(self, store: Store) -> None:
        """The same as when it is asked for alone."""
        held = await start(store, "r1", labels={"a": "b"}, deadline=NOW)
        await store.write(held.move(RunState.WAITING, wake_at=NOW, output="o", error="e"))
        assert await store.runs(Query()) == [await store.run("r1")]

    async def test_runs_are_counted_by_state(self, store: Store) -> None:
        """Through every change; a state that nobody is in may be left out."""
        assert not any((await store.counts()).states.values())
        await store.write(birth("r1"), birth("r2"))
        held = await start(store, "r3")
        await rest(store, "r4")
        await end(store, "r5", RunState.FAILED)
        await store.write(held.move(RunState.SUCCEEDED))
        counted = {state: n for state, n in (await store.counts()).states.items() if n}
        assert counted == {"queued": 2, "waiting": 1, "failed": 1, "succeeded": 1}

    @pytest.mark.parametrize("name", _READS)
    async def test_a_closed_store_answers_nothing(self, store: Store, name: str) -> None:
        """It says so, instead of answering from what it remembers."""
        await start(store, "r1")
        await store.close()
        with pytest.raises(StoreClosed):
            await _READS[name](store)

    async def test_opening_and_closing_twice_does_no_harm(self, store: Store) -> None:
        """Both are idempotent."""
        await store.open()
        await store.write(birth("r1"))
        await store.open()
        assert await store.run("r1") is not None
        await store.close()
        await store.close()

    async def test_what_was_accepted_is_finished_before_closing(self, store: Store) -> None:
        """A write that was under way when the store was closed returns, and not with an error."""
        writes = [asyncio.ensure_future(store.write(birth(f"r{n}"))) for n in range(10)]
        await asyncio.sleep(0)
        await store.close()
        assert [born.run for (born,) in await asyncio.gather(*writes)] == [  # type: ignore[union-attr]
            f"r{n}" for n in range(10)
        ]
