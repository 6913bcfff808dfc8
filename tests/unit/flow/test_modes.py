"""Autonomous agents: every task alone, failures tried again afresh, load spread over the workers."""

import asyncio

from folkmoot.core.agent import Retry
from folkmoot.core.entries import Reset, Succeeded
from folkmoot.core.errors import ModelTimeout
from folkmoot.core.messages import Said
from folkmoot.core.run import RunState
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import says

ALONE = agent(mode="autonomous", retry=Retry(attempts=3, delay_s=0.0))


async def test_runs_of_one_agent_know_nothing_of_each_other() -> None:
    async with Harness(ALONE, replies=lambda request: says(request.messages[-1].text)) as moot:
        runs = await asyncio.gather(*[moot.ask(f"task {n}") for n in range(5)])
        shown = [moot.kinds(run.id) for run in runs]
        kinds = await asyncio.gather(*shown)
    assert [run.output for run in runs] == [f"task {n}" for n in range(5)]
    assert all(len(one) == 4 for one in kinds)


async def test_two_more_attempts_with_fresh_context_and_then_an_end() -> None:
    shown = []

    def reply(request):
        shown.append(list(request.messages))
        raise ModelTimeout

    model = ALONE.model.__class__(provider="function", name="m", retries=0)
    declared = agent(mode="autonomous", retry=ALONE.retry, model=model)
    async with Harness(declared, replies=reply) as moot:
        run = await moot.submit("Go.")
        while not (run := await moot.desk.run(run.id)).state.final:
            await moot.rescue()
        resets = [b for b in await moot.journal(run.id) if isinstance(b, Reset)]
    assert (run.state, run.attempt, len(resets)) == (RunState.FAILED, 3, 2)
    assert shown == [[Said("Go.")]] * 3


async def test_the_runs_of_one_agent_are_spread_over_the_workers() -> None:
    """Each worker takes one run at a time, and no reply comes before both are at work."""
    both = asyncio.Barrier(2)

    async def reply(request):
        await both.wait()
        return says("Done.")

    one = Harness(ALONE, replies=reply)
    two = Harness(ALONE, replies=reply, store=one.store, clock=one.clock, worker="w2")
    two.broker = one.broker
    one.concurrency = two.concurrency = 1
    async with one, two:
        runs = [await one.submit(f"task {n}") for n in range(8)]
        await one.until(lambda: both.n_waiting == 0 and _ended(one) + _ended(two) == len(runs))
    assert (_ended(one), _ended(two)) == (4, 4)


def _ended(moot: Harness) -> int:
    return sum(isinstance(body, Succeeded) for body in moot.entries)
