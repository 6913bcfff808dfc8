"""The order of the queue: by urgency, which grows with waiting, and by turns over tenants and agents."""

from folkmoot.core import changes as c
from folkmoot.core.run import RunState
from folkmoot.core.urgency import AGEING_MS
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import NOW, birth, known, take


async def order(store: Store, now: int = NOW, limit: int = 100, before: int = NOW) -> list[str]:
    """Return the ids of what should begin, in order."""
    return [run.id for run in await store.ready(now, limit, before)]


class Queueing:
    """`ready` and `announced`."""

    async def test_urgent_runs_come_first_then_the_oldest(self, store: Store) -> None:
        """Within one lane."""
        wanted = [("r1", "low"), ("r2", "normal"), ("r3", "critical"), ("r4", "high")]
        wanted += [("r5", "critical"), ("r6", "normal")]
        await store.write(*[birth(run, priority=priority) for run, priority in wanted])
        assert await order(store) == ["r3", "r5", "r4", "r2", "r6", "r1"]
        assert await order(store, limit=3) == ["r3", "r5", "r4"]

    async def test_who_waits_long_enough_rises(self, store: Store) -> None:
        """A class for each step; at the top, older ids go first again."""
        await store.write(birth("r1", priority="low"))
        await store.write(birth("r2", priority="critical", created_at=NOW + 3 * AGEING_MS))
        assert await order(store, NOW + 3 * AGEING_MS - 1) == ["r2", "r1"]
        assert await order(store, NOW + 3 * AGEING_MS) == ["r1", "r2"]
        await store.write(birth("r0", priority="high", created_at=NOW + 9 * AGEING_MS))
        assert await order(store, NOW + 9 * AGEING_MS) == ["r1", "r2", "r0"]

    async def test_agents_take_turns(self, store: Store) -> None:
        """A crowd of one agent's runs does not keep another's waiting."""
        await store.write(*[birth(f"a{n}", agent="a") for n in range(4)])
        await store.write(*[birth(f"b{n}", agent="b") for n in range(2)])
        assert await order(store) == ["a0", "b0", "a1", "b1", "a2", "a3"]
        assert await order(store, limit=2) == ["a0", "b0"]

    async def test_tenants_take_turns_before_their_agents_do(self, store: Store) -> None:
        """Who has many agents gets no more than who has one."""
        for agent in ("a", "b", "c"):
            await store.write(*[birth(f"{agent}{n}", agent=agent, tenant="one") for n in range(2)])
        await store.write(*[birth(f"z{n}", agent="a", tenant="two") for n in range(3)])
        found = await order(store)
        assert found == ["a0", "z0", "b0", "z1", "c0", "z2", "a1", "b1", "c1"]

    async def test_a_class_stands_before_turns(self, store: Store) -> None:
        """What is urgent is urgent whoever asks."""
        await store.write(*[birth(f"a{n}", agent="a", priority="high") for n in range(3)])
        await store.write(birth("b0", agent="b"))
        assert await order(store) == ["a0", "a1", "a2", "b0"]

    async def test_no_more_come_than_may_begin(self, store: Store) -> None:
        """An agent's limit counts what is at work and what is announced already, over all tenants."""
        for nr in range(5):
            await store.write(birth(f"r{nr}", limit=3, tenant=str(nr % 2)))
        await store.write(birth("x0", agent="other"))
        await take(store, "r4")
        assert sorted(await order(store)) == ["r0", "r1", "x0"]
        await store.write(c.Announced(runs=("r0",), at=NOW))
        assert sorted(await order(store)) == ["r1", "x0"]
        await store.write(c.Announced(runs=("r1",), at=NOW))
        assert await order(store) == ["x0"]
        assert sorted(await order(store, before=NOW + 1)) == ["r0", "r1", "x0"]

    async def test_delayed_runs_wait_for_their_time(self, store: Store) -> None:
        """Neither shown nor in anybody's way."""
        await store.write(birth("r1", ready_at=NOW + 5), birth("r2"))
        assert await order(store) == ["r2"]
        assert await order(store, NOW + 5) == ["r1", "r2"]

    async def test_what_was_announced_lately_is_counted_and_not_shown(self, store: Store) -> None:
        """Until the announcement is too old to be trusted, or the run begins."""
        await store.write(*[birth(f"r{n}") for n in range(3)])
        assert await store.announced(0) == 0
        await store.write(c.Announced(runs=("r0", "r1"), at=NOW))
        assert await order(store) == ["r2"]
        assert await order(store, before=NOW + 1) == ["r0", "r1", "r2"]
        assert (await store.announced(NOW), await store.announced(NOW + 1)) == (2, 0)
        held = await take(store, "r0")
        assert await store.announced(0) == 1
        await store.write(held.move(RunState.QUEUED))
        assert await store.announced(0) == 1
        assert (await known(store, "r0")).state == RunState.QUEUED
