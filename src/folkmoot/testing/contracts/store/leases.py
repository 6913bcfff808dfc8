"""Leases: one holder at a time by the store's clock, and no act under an old grant."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from folkmoot.core import changes as c
from folkmoot.core.errors import LeaseLost
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import ALIVE_MS, CROWD, birth

FIRST, SECOND, THIRD = 1, 2, 3
"""Fences."""
Elapse = Callable[[int], Awaitable[None]]


def _acquire(holder: str, ttl_ms: int = ALIVE_MS, name: str = "n") -> c.Acquire:
    return c.Acquire(name=name, holder=holder, ttl_ms=ttl_ms)


async def _fence(store: Store, holder: str, ttl_ms: int = ALIVE_MS, name: str = "n") -> object:
    return (await store.write(_acquire(holder, ttl_ms, name)))[0]


class Leases:
    """Acquire, Release, Under."""

    async def test_a_lease_has_one_holder(self, store: Store) -> None:
        """Others get nothing; the holder renews, under the same fence; names are apart."""
        assert await _fence(store, "a") == FIRST
        assert await _fence(store, "b") is None
        assert await _fence(store, "a") == FIRST
        assert await _fence(store, "b", name="m") == FIRST
        lease = await store.lease("n")
        assert (lease.holder, lease.fence) == ("a", 1)
        assert 0 < lease.left_ms <= ALIVE_MS
        assert await store.lease("nobody's") == c.Lease("nobody's", "", 0, 0)

    async def test_a_lease_ends_by_the_stores_clock(self, store: Store, elapse: Elapse) -> None:
        """Then anybody may have it, under a higher fence; also who held it before."""
        assert await _fence(store, "a", 20) == FIRST
        await elapse(40)
        assert await store.lease("n") == c.Lease("n", "", 1, 0)
        assert await _fence(store, "a", 20) == SECOND
        await elapse(40)
        assert await _fence(store, "b") == THIRD
        assert await _fence(store, "a") is None

    async def test_a_released_lease_is_free(self, store: Store) -> None:
        """Only its holder can give it back, and only under its fence."""
        await _fence(store, "a")
        await store.write(c.Release(name="n", holder="b", fence=1))
        await store.write(c.Release(name="n", holder="a", fence=0))
        await store.write(c.Release(name="other", holder="a", fence=1))
        assert await _fence(store, "b") is None
        await store.write(c.Release(name="n", holder="a", fence=1))
        assert await _fence(store, "b") == SECOND
        await store.write(c.Release(name="n", holder="a", fence=1))
        assert await _fence(store, "a") is None

    async def test_nothing_is_done_under_an_old_grant(self, store: Store, elapse: Elapse) -> None:
        """The whole set is refused; the holder of now goes on."""
        await _fence(store, "a", 20)
        await elapse(40)
        await _fence(store, "b")
        with pytest.raises(LeaseLost):
            await store.write(c.Under(name="n", fence=1), birth("r1"))
        with pytest.raises(LeaseLost):
            await store.write(birth("r1"), c.Under(name="never", fence=1))
        assert await store.run("r1") is None
        await store.write(birth("r1"), c.Under(name="n", fence=2))
        assert await store.run("r1") is not None

    async def test_a_lease_that_is_over_counts_until_somebody_takes_it(
        self, store: Store, elapse: Elapse
    ) -> None:
        """Nobody else has acted meanwhile."""
        await _fence(store, "a", 20)
        await elapse(40)
        await store.write(c.Under(name="n", fence=1), birth("r1"))
        assert await store.run("r1") is not None

    async def test_within_a_set_leases_count_on(self, store: Store) -> None:
        """An Under behind an Acquire sees its fence; a set that fails grants nothing."""
        outcomes = await store.write(_acquire("a"), c.Under(name="n", fence=1), birth("r1"))
        assert outcomes[0] == FIRST
        with pytest.raises(LeaseLost):
            await store.write(_acquire("a", name="m"), c.Under(name="m", fence=2))
        assert (await store.lease("m")).fence == 0

    async def test_of_a_crowd_one_gets_it(self, store: Store) -> None:
        """All at once."""
        fences = await asyncio.gather(*[_fence(store, f"w{n}") for n in range(CROWD)])
        assert [fence for fence in fences if fence] == [FIRST]
