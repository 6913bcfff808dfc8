"""The fleet shares its providers' rates; a refusal of one worker is heeded by all."""

import asyncio

import pytest

from folkmoot.brokers.local import LocalBroker
from folkmoot.core import rate as rt
from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import RateLimited
from folkmoot.core.rate import Rate
from folkmoot.core.run import RunState
from folkmoot.flow.rates import Rates
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import says


@pytest.fixture
async def fleet():
    """Return a function that makes one more process's share, and the clock."""
    clock, broker = FakeClock(), LocalBroker()
    store = MemoryStore(clock)
    await store.open()
    await broker.open()
    yield lambda **given: Rates(store, broker, clock, given), clock
    await broker.close()


async def test_two_workers_together_stay_within_the_rate(fleet):
    make, clock = fleet
    workers = [make(p=Rate(10.0, 10)), make(p=Rate(10.0, 10))]
    admitted = 0
    for _ in range(50):  # five seconds, both always ask
        waits = await asyncio.gather(*[worker.admit("p") for worker in workers * 20])
        admitted += waits.count(0)
        clock.advance(0.1)
    assert 45 <= admitted <= 60


async def test_a_provider_without_a_rate_costs_nothing(fleet):
    make, _ = fleet
    assert not make().limits("p")


async def test_what_one_worker_was_refused_holds_for_all(fleet):
    make, clock = fleet
    one, two = make(), make()
    await one.refused("p", 20.0)
    assert not two.limits("p")
    await two.look()
    assert two.limits("p")
    assert await two.admit("p") == 20_000
    assert await one.admit("p") == 20_000
    clock.advance(20)
    waits = [await worker.admit("p") for worker in (one, two) * 2]
    assert waits.count(0) == 1, "it begins at one call a second"


async def test_a_learned_rate_is_forgotten_once_it_holds_nobody(fleet):
    make, clock = fleet
    one, two = make(), make()
    await one.refused("p", 1.0)
    await two.look()
    clock.advance(200)
    assert await two.admit("p") == 0
    await one.look()
    assert [one.limits("p"), two.limits("p")] == [False, False]


async def test_a_refusal_at_an_own_address_holds_nobody_from_the_provider(fleet):
    make, _ = fleet
    worker = make()
    ours = ModelChoice(provider="p", name="m", base_url="http://Ours.example:8000/v1")
    await worker.refused(worker.lane(ours), 20.0)
    assert worker.limits("p@ours.example:8000")
    assert not worker.limits(worker.lane(ModelChoice(provider="p", name="m")))


async def test_a_rate_may_be_set_for_a_provider_or_for_one_address(fleet):
    make, _ = fleet
    ours = ModelChoice(provider="p", name="m", base_url="http://ours/v1")
    rate = Rate(10.0, 10)
    assert make(p=rate).lane(ours) == "p"
    assert make(**{"p": rate, "p@ours": rate}).lane(ours) == "p@ours"


@pytest.mark.parametrize(
    ("base_url", "place"),
    [
        ("", "p"), ("http://Ours:8000/v1", "p@ours:8000"), ("https://a:secret@ours", "p@ours"),
        ("http://[::1", "p@[::1"), ("nonsense", "p@"),
    ],
)  # fmt: skip
def test_whatever_an_agent_names_as_address_is_a_place_without_a_password(base_url, place):
    assert ModelChoice(provider="p", name="m", base_url=base_url).place == place


async def test_a_run_rests_while_its_provider_may_not_be_asked():
    refusals = [RateLimited(retry_after=30.0)]

    def reply(_):
        if refusals:
            raise refusals.pop()
        return says("Hi.")

    declared = agent(model=ModelChoice(provider="function", name="m", retries=2))
    async with Harness(declared, replies=reply) as moot:
        first = await moot.ask("one")
        assert (first.state, first.waits_for) == (RunState.WAITING, "model")
        second = await moot.ask("two")
        assert (second.state, second.waits_for) == (RunState.WAITING, "rate")
        assert second.wake_at == moot.clock.now() + 30_000
        assert await moot.kinds(second.id) == ["run.created"]
        assert rt.read((await moot.store.record(rt.KIND, "function")).body).learned == 1.0
        for _ in range(3):
            moot.clock.advance(40)
            await moot.rescue()
        assert (await moot.settled(first.id)).output == "Hi."
        assert (await moot.settled(second.id)).output == "Hi."
