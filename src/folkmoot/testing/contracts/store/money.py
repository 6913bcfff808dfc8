"""Shared budgets: held before, settled after, never past their limit."""

import asyncio

import pytest

from folkmoot.core.errors import BudgetSpent
from folkmoot.core.run import RunState
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import CROWD, end, start

_HUGE = 5 * 10**18  # nanos: five thousand million dollars, close to what 64 bits hold


class Money:
    """HoldSpend, SettleSpend, spent()."""

    async def test_money_is_held_then_spent(self, store: Store) -> None:
        """A settlement gives back the whole hold and counts what it really was."""
        held = await start(store, "r1")
        await store.write(held.hold("s", 30, 100))
        assert await store.spent("s") == (0, 30)
        await store.write(held.settle("s", 30, 12))
        assert await store.spent("s") == (12, 0)

    async def test_a_limit_may_be_reached_but_not_passed(self, store: Store) -> None:
        """To the last nano; the error tells how things stand."""
        held = await start(store, "r1")
        await store.write(held.hold("s", 60, 100), held.settle("s", 60, 60))
        await store.write(held.hold("s", 30, 100))
        with pytest.raises(BudgetSpent) as caught:
            await store.write(held.hold("s", 11, 100))
        told = {name: caught.value.details[name] for name in ("scope", "spent", "held", "limit")}
        assert told == {"scope": "s", "spent": 60, "held": 30, "limit": 100}
        await store.write(held.hold("s", 10, 100))
        assert await store.spent("s") == (60, 40)

    async def test_a_step_that_cannot_be_paid_is_not_permitted(self, store: Store) -> None:
        """The permission in the journal and the money go together."""
        held = await start(store, "r1")
        with pytest.raises(BudgetSpent):
            await store.write(held.append("permission"), held.hold("s", 2, 1))
        assert await store.entries("r1") == list(held.claimed.entries)
        assert await store.spent("s") == (0, 0)

    async def test_holds_of_one_set_add_up(self, store: Store) -> None:
        """Two parallel calls cannot both take the last dollar."""
        held = await start(store, "r1")
        with pytest.raises(BudgetSpent):
            await store.write(held.hold("s", 6, 10), held.hold("s", 5, 10))
        assert await store.spent("s") == (0, 0)
        await store.write(held.hold("s", 6, 10), held.hold("s", 4, 10), held.hold("t", 9, 10))
        assert [await store.spent("s"), await store.spent("t")] == [(0, 10), (0, 9)]

    async def test_a_settlement_makes_room_for_the_hold_behind_it(self, store: Store) -> None:
        """One commit a step: the last one's result and the next one's permission."""
        held = await start(store, "r1")
        await store.write(held.hold("s", 10, 10))
        await store.write(held.settle("s", 10, 4), held.hold("s", 6, 10))
        assert await store.spent("s") == (4, 6)
        with pytest.raises(BudgetSpent):
            await store.write(held.settle("s", 6, 6), held.hold("s", 1, 10))
        assert await store.spent("s") == (4, 6)

    async def test_what_was_really_spent_counts_past_the_limit(self, store: Store) -> None:
        """An estimate may be too low; the money is gone, and the next hold is refused."""
        held = await start(store, "r1")
        await store.write(held.hold("s", 5, 10))
        await store.write(held.settle("s", 5, 25))
        assert await store.spent("s") == (25, 0)
        with pytest.raises(BudgetSpent):
            await store.write(held.hold("s", 0, 10))

    async def test_giving_back_too_much_does_not_widen_a_budget(self, store: Store) -> None:
        """Held money never falls below nothing."""
        held = await start(store, "r1")
        await store.write(held.hold("s", 5, 10))
        await store.write(held.settle("s", 500, 0))
        assert await store.spent("s") == (0, 0)
        with pytest.raises(BudgetSpent):
            await store.write(held.hold("s", 11, 10))

    async def test_a_scope_is_shared_by_all_runs(self, store: Store) -> None:
        """What one run holds, another cannot."""
        one, two = await start(store, "r1"), await start(store, "r2")
        await store.write(one.hold("agent:a/2026-11-23", 8, 10))
        with pytest.raises(BudgetSpent):
            await store.write(two.hold("agent:a/2026-11-23", 3, 10))
        await store.write(two.hold("agent:a/2026-11-24", 3, 10))

    async def test_large_sums_are_exact(self, store: Store) -> None:
        """Whole numbers, not floats: the last nano of a large sum counts."""
        held = await start(store, "r1")
        await store.write(held.hold("s", _HUGE, _HUGE + 1))
        await store.write(held.hold("s", 1, _HUGE + 1))
        await store.write(held.settle("s", 1, 1))
        assert await store.spent("s") == (1, _HUGE)
        with pytest.raises(BudgetSpent):
            await store.write(held.hold("s", 1, _HUGE + 1))

    async def test_a_crowd_cannot_overspend(self, store: Store) -> None:
        """A hundred runs ask at once for money that suffices for thirty."""
        hands = [await start(store, f"r{n}") for n in range(CROWD)]
        limit = 7 * 30 + 6
        asked = [store.write(held.append("x"), held.hold("s", 7, limit)) for held in hands]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [x for x in answers if isinstance(x, BudgetSpent)]
        assert [len(answers) - len(refused), len(refused)] == [30, CROWD - 30]
        assert await store.spent("s") == (0, 7 * 30)
        journals = [len(await store.entries(held.run)) for held in hands]
        paid = [not isinstance(answer, BudgetSpent) for answer in answers]
        assert journals == [2 if has_paid else 1 for has_paid in paid]

    async def test_money_stays_when_its_run_has_ended(self, store: Store) -> None:
        """A budget outlives the runs that spent it."""
        held = await start(store, "r1")
        await store.write(held.hold("s", 5, 9), held.settle("s", 5, 5))
        await store.write(held.move(RunState.SUCCEEDED))
        await end(store, "r2")
        assert await store.spent("s") == (5, 0)
