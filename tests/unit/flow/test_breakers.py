"""A breaker keeps calls away from where models fail, and from nowhere else."""

import asyncio

import pytest

from folkmoot.core import breaker as br
from folkmoot.core import errors
from folkmoot.core.agent import ModelChoice, QueueUse
from folkmoot.core.entries import ModelFailed
from folkmoot.core.errors import ModelUnreachable
from folkmoot.flow.alarms import Alarms
from folkmoot.flow.breakers import Breakers
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import says

OFF = QueueUse(breaker=False)
OURS = ModelChoice(provider="openai", name="m", base_url="http://ours/v1", retries=0, timeout_s=5.0)
THEIRS = ModelChoice(provider="openai", name="m", retries=0, timeout_s=5.0)


def down(_):
    raise errors.Overloaded


async def opened(moot: Harness) -> None:
    for number in range(5):
        await moot.ask(str(number))


async def failures(moot: Harness, run: str) -> list[ModelFailed]:
    return [body for body in await moot.journal(run) if isinstance(body, ModelFailed)]


async def test_a_service_that_is_down_says_nothing_about_the_provider_whose_wire_it_speaks() -> (
    None
):
    def reply(request):
        return down(request) if request.choice.base_url else says("Hi.")

    ours, theirs = agent("tester", model=OURS, queue=OFF), agent("other", model=THEIRS)
    async with Harness(ours, theirs, replies=reply) as moot:
        await opened(moot)
        refused = await moot.ask("Hello")
        run = await moot.ask("Hello", agent="other")
    assert "breaker" in refused.error
    assert run.output == "Hi."


async def test_where_there_is_a_fallback_an_open_breaker_is_not_waited_out() -> None:
    def reply(request):
        return says("Hi.") if request.choice.provider == "b" else down(request)

    patient = ModelChoice(provider="a", name="m", retries=3, timeout_s=5.0)
    hasty = ModelChoice(provider="a", name="m", retries=0, timeout_s=5.0)
    other = ModelChoice(provider="b", name="m", timeout_s=5.0)
    first = agent("tester", model=hasty, queue=OFF)
    second = agent("other", model=patient, fallbacks=(other,))
    async with Harness(first, second, replies=reply) as moot:
        await opened(moot)
        run = await moot.ask("Hello", agent="other")
        failed = await failures(moot, run.id)
    assert run.output == "Hi."
    assert [(f.next, f.retry_ms) for f in failed] == [("b:m", 0)]


@pytest.fixture
def probed():
    """Breakers whose one has been opened, and whose time is over."""
    clock = FakeClock()
    breakers = Breakers(clock, Alarms())
    for _ in range(br.THRESHOLD):
        breakers.report("a", br.fail)
    clock.advance(61)
    return breakers


async def asking(breakers: Breakers, count: int) -> list[asyncio.Task[bool]]:
    """Ask besides a probe that is under way; return when all wait."""
    assert await breakers.admit("a", 5.0)
    tasks = [asyncio.create_task(breakers.admit("a", 5.0)) for _ in range(count)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    return tasks


async def test_who_has_no_other_model_goes_on_as_soon_as_the_probe_succeeds(probed) -> None:
    waiting = await asking(probed, 3)
    probed.report("a", br.succeed)
    async with asyncio.timeout(2):
        assert await asyncio.gather(*waiting) == [False, False, False]


async def test_when_the_probe_fails_those_who_waited_are_refused(probed) -> None:
    waiting = await asking(probed, 2)
    probed.report("a", br.fail)
    async with asyncio.timeout(2):
        faults = await asyncio.gather(*waiting, return_exceptions=True)
    assert [fault.retry_after for fault in faults] == [120.0, 120.0]


async def test_when_the_probe_is_taken_back_one_of_those_who_waited_probes(probed) -> None:
    waiting = await asking(probed, 3)
    probed.release("a")
    async with asyncio.timeout(2):
        done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [await task for task in done] == [True]
        probed.report("a", br.succeed)
        assert await asyncio.gather(*left) == [False, False]


async def test_nobody_waits_for_a_probe_longer_than_for_a_call(probed) -> None:
    assert await probed.admit("a", 5.0)
    with pytest.raises(ModelUnreachable):
        await probed.admit("a", 0.001)
    with pytest.raises(ModelUnreachable):
        await probed.admit("a", 0.0)


async def test_a_call_that_is_cancelled_while_it_waits_does_not_take_the_probe_back(probed) -> None:
    (waiting,) = await asking(probed, 1)
    waiting.cancel()
    await asyncio.wait([waiting])
    with pytest.raises(ModelUnreachable):
        await probed.admit("a", 0.0)


async def test_an_adapter_that_breaks_as_the_probe_makes_room_for_another() -> None:
    answers = [down] * 5

    def reply(request):
        if answers:
            return answers.pop()(request)
        if request.messages[0].text == "Broken.":
            raise KeyError("choices")
        return says("Hi.")

    async with Harness(agent(model=THEIRS, queue=OFF), replies=reply) as moot:
        await opened(moot)
        moot.clock.advance(61)
        assert (await moot.ask("Broken.")).error.startswith("MODEL_FAULT")
        async with asyncio.timeout(2):
            run = await moot.ask("Hello")
    assert run.output == "Hi."
