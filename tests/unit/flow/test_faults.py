"""Providers fail: retries, fallbacks, rests; every one in the journal."""

import math

import pytest

from folkmoot.core import errors
from folkmoot.core.agent import Budget, Limits, ModelChoice, Output, QueueUse, Retry
from folkmoot.core.entries import ModelCalled, ModelFailed
from folkmoot.core.run import RunState
from folkmoot.core.spend import Price
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import says


def failing(*faults):
    """Raise these in turn, then answer."""
    left = list(faults)

    def reply(_):
        if left:
            raise left.pop(0)
        return says("Hi.")

    return reply


async def failures(moot: Harness, run: str) -> list[ModelFailed]:
    return [b for b in await moot.journal(run) if isinstance(b, ModelFailed)]


async def test_a_rate_limit_is_waited_out_as_long_as_the_provider_asks() -> None:
    fault = errors.RateLimited(retry_after=1.5)
    async with Harness(agent(), replies=failing(fault)) as moot:
        run = await moot.submit("Hello")
        await moot.clock.asleep()
        moot.clock.advance(1.4)
        assert (await moot.desk.run(run.id)).state is RunState.RUNNING
        moot.clock.advance(0.2)
        run = await moot.settled(run.id)
        failed = await failures(moot, run.id)
    assert run.output == "Hi."
    assert [(f.code, f.retry_ms) for f in failed] == [("RATE_LIMIT_EXCEEDED", 1500)]


async def test_a_long_wait_rests_in_the_store_and_holds_no_worker() -> None:
    fault = errors.RateLimited(retry_after=300)
    async with Harness(agent(), replies=failing(fault)) as moot:
        run = await moot.ask("Hello")
        assert (run.state, run.waits_for) == (RunState.WAITING, "model")
        await moot.until(lambda: moot.dispatcher.active == 0)
        moot.clock.advance(301)
        await moot.rescue()
        await moot.until(lambda: any(b.__class__.__name__ == "Succeeded" for b in moot.entries))


@pytest.mark.parametrize("asked", [1e9, 1e23, math.inf])
async def test_nobody_is_waited_for_longer_than_a_day(asked: float) -> None:
    async with Harness(agent(), replies=failing(errors.RateLimited(retry_after=asked))) as moot:
        began = moot.clock.now()
        run = await moot.ask("Hello")
    assert (run.state, run.wake_at) == (RunState.WAITING, began + 86_400_000)


@pytest.mark.parametrize("asked", [-5.0, math.nan])
async def test_a_wait_that_is_none_is_not_waited(asked: float) -> None:
    async with Harness(agent(), replies=failing(errors.Overloaded(retry_after=asked))) as moot:
        run = await moot.submit("Hello")
        await moot.clock.asleep()
        moot.clock.advance(1)
        assert (await moot.settled(run.id)).output == "Hi."


async def test_when_retries_are_used_up_the_fallback_is_asked() -> None:
    first = ModelChoice(provider="a", name="m", retries=0)
    second = ModelChoice(provider="b", name="m", retries=0)
    declared = agent(model=first, fallbacks=(second,))
    replies = {"a:m": failing(*[errors.Overloaded()] * 9), "b:m": failing()}
    async with Harness(declared, replies=replies) as moot:
        run = await moot.ask("Hello")
        failed = await failures(moot, run.id)
    assert run.output == "Hi."
    assert [(f.model, f.next) for f in failed] == [("a:m", "b:m")]


async def test_one_model_at_two_addresses_is_asked_at_each_and_then_no_more() -> None:
    asked = []

    def reply(request):
        asked.append(request.choice.base_url)
        raise errors.ModelAuth("No.")

    here, there = (
        ModelChoice(provider="a", name="m", base_url=f"http://{host}/v1") for host in ("b", "c")
    )
    declared = agent(model=here, fallbacks=(there, there))
    async with Harness(declared, replies=reply) as moot:
        run = await moot.ask("Hello")
        failed = await failures(moot, run.id)
    assert run.error.startswith("MODEL_AUTH")
    assert asked == ["http://b/v1", "http://c/v1", "http://c/v1"]
    assert [f.next for f in failed] == ["a:m (2)", "a:m (3)", ""]


async def test_a_terminal_fault_is_not_tried_again() -> None:
    async with Harness(agent(), replies=failing(errors.ModelAuth("No."))) as moot:
        run = await moot.ask("Hello")
        failed = await failures(moot, run.id)
    assert run.error.startswith("MODEL_AUTH")
    assert [f.retry_ms for f in failed] == [None]


async def test_a_call_that_ended_unseen_counts_what_it_may_have_cost() -> None:
    declared = agent(
        budget=Budget(usd_per_day=1.0), model=ModelChoice(provider="f", name="m", retries=0)
    )
    moot = Harness(declared, replies=failing(errors.ReplyGarbled("cut")))
    moot.price = Price(1, 1)
    async with moot:
        run = await moot.ask("Hello")
        spent, held = await moot.store.spent("agent:tester/2026-11-18")
    assert run.spend.uncertain > 0
    assert (spent, held) == (run.spend.uncertain, 0)


async def test_a_provider_that_keeps_failing_is_left_alone() -> None:
    asked = []

    def reply(_):
        asked.append(1)
        raise errors.Overloaded

    model = ModelChoice(provider="f", name="m", retries=0)
    declared = agent(model=model, queue=QueueUse(breaker=False))
    async with Harness(declared, replies=reply) as moot:
        for n in range(7):
            await moot.ask(str(n))
    assert len(asked) == 5


@pytest.mark.parametrize("given", [None, "many", -5, math.inf])
async def test_a_max_tokens_that_is_none_is_the_adapters_to_refuse(given: object) -> None:
    declared = agent(model=ModelChoice(provider="f", name="m", settings={"max_tokens": given}))
    moot = Harness(declared, replies=failing())
    moot.price = Price(1, 1)
    async with moot:
        run = await moot.ask("Hello")
        called = next(b for b in await moot.journal(run.id) if isinstance(b, ModelCalled))
    assert run.output == "Hi."
    assert called.estimate > 0


async def test_an_adapters_defect_is_a_fault_and_not_a_crash() -> None:
    async with Harness(agent(), replies=failing(KeyError("choices"))) as moot:
        run = await moot.ask("Hello")
    assert run.error.startswith("MODEL_FAULT")
    assert not moot.reports


async def test_a_failed_attempt_is_followed_by_a_fresh_one_and_then_by_none() -> None:
    declared = agent(
        retry=Retry(attempts=2, delay_s=10), output=Output(schema={"type": "object"}, retries=0)
    )
    async with Harness(declared, replies=lambda _: says("not json")) as moot:
        run = await moot.submit("Hello")
        await moot.until(lambda: any(b.__class__.__name__ == "Failed" for b in moot.entries))
        first = await moot.desk.run(run.id)
        assert (first.state, first.ready_at) == (RunState.QUEUED, moot.clock.now() + 10_000)
        moot.clock.advance(11)
        await moot.rescue()
        run = await moot.settled(run.id)
        kinds = await moot.kinds(run.id)
    assert (run.state, run.attempt) == (RunState.FAILED, 2)
    assert kinds.count("run.reset") == 1
    assert kinds.count("model.replied") == 2


async def test_a_time_limit_counts_waiting_too() -> None:
    declared = agent(limits=Limits(seconds=100))
    async with Harness(declared, replies=failing(errors.RateLimited(retry_after=300))) as moot:
        run = await moot.ask("Hello")
        moot.clock.advance(301)
        await moot.rescue()
        await moot.until(lambda: any(b.__class__.__name__ == "Failed" for b in moot.entries))
        run = await moot.desk.run(run.id)
    assert run.error.startswith("LIMIT_TIME")
