"""Steering: what is said to a run is heard once, in order, at the next step."""

import asyncio

import pytest

from folkmoot.core.agent import ToolUse
from folkmoot.core.effects import Effect
from folkmoot.core.errors import ModelAuth, RunUnknown, StoreFault, WrongState
from folkmoot.core.messages import Answered, Returned, Said
from folkmoot.core.run import RunState
from folkmoot.core.signals import Cancel, Pause, Resume, Retry, Say
from folkmoot.core.steps import Ask, CallModel, Reply, Sleep
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.probe import Probe
from folkmoot.testing.replies import Held, calls, says, turns

LOOK = (ToolUse("look"),)


async def test_a_message_reaches_the_model_after_the_results_of_the_reply_before_it() -> None:
    go, begun = asyncio.Event(), asyncio.Event()
    shown = []

    async def act(args):
        begun.set()
        await go.wait()
        return "seen"

    def reply(request):
        shown.append(list(request.messages))
        return turns(calls("look"), says("Done."))(request)

    async with Harness(agent(tools=LOOK), replies=reply, tools=[Probe(act=act)]) as moot:
        run = await moot.submit("Go.")
        await begun.wait()
        await moot.desk.tell(run.id, Say("Hurry.", "ann"), key="s1")
        assert not await moot.desk.tell(run.id, Say("Hurry.", "ann"), key="s1")
        go.set()
        await moot.settled(run.id)
    assert [type(m) for m in shown[1]] == [Said, Answered, Returned, Said]
    assert shown[1][-1] == Said("Hurry.", "ann")


async def test_a_cancel_under_the_key_of_a_message_is_not_taken_for_it() -> None:
    held = Held(says("x"))
    async with Harness(agent(), replies=held) as moot:
        run = await moot.submit("Go.")
        await held.asked.wait()
        assert await moot.desk.tell(run.id, Say("Hurry."), key="k")
        assert await moot.desk.tell(run.id, Cancel("ann"), key="k")
        assert not await moot.desk.tell(run.id, Cancel("ann"), key="k")
        assert (await moot.settled(run.id)).state is RunState.CANCELLED


async def test_a_paused_run_waits_and_goes_on_when_it_is_resumed() -> None:
    held = Held(calls("look"))

    async def reply(request):
        if isinstance(request.messages[-1], Returned):
            return says("Done.")
        return await held(request)

    async with Harness(agent(tools=LOOK), replies=reply, tools=[Probe()]) as moot:
        run = await moot.submit("Go.")
        await held.asked.wait()
        await moot.desk.tell(run.id, Pause("ann"))
        held.go.set()
        paused = await moot.settled(run.id)
        assert (paused.state, paused.waits_for) == (RunState.WAITING, "resume")
        await moot.desk.tell(run.id, Resume("ann"))
        await moot.until(lambda: any(b.__class__.__name__ == "Succeeded" for b in moot.entries))
    assert held.count == 1


async def test_a_cancel_ends_a_run_in_the_middle_of_a_call() -> None:
    held = Held(says("never"))
    async with Harness(agent(), replies=held) as moot:
        run = await moot.submit("Go.")
        await held.asked.wait()
        await moot.desk.tell(run.id, Cancel("ann", "enough"))
        run = await moot.settled(run.id)
        kinds = await moot.kinds(run.id)
    assert run.state is RunState.CANCELLED
    assert kinds[-2:] == ["run.resumed", "run.cancelled"]


async def test_a_cancel_in_the_middle_of_a_once_effect_says_that_it_is_in_doubt() -> None:
    begun = asyncio.Event()

    async def act(args):
        begun.set()
        await asyncio.Event().wait()

    probe = Probe(effect=Effect.ONCE, act=act)
    async with Harness(agent(tools=LOOK), replies=turns(calls("look")), tools=[probe]) as moot:
        run = await moot.submit("Go.")
        await begun.wait()
        await moot.desk.tell(run.id, Cancel())
        run = await moot.settled(run.id)
        kinds = await moot.kinds(run.id)
    assert run.state is RunState.CANCELLED
    assert "tool.doubted" in kinds


async def test_a_queued_run_can_be_cancelled() -> None:
    async with Harness(agent(), replies=turns(says("x"))) as moot:
        await moot.dispatcher.stop()
        run = await moot.submit("Go.")
        await moot.desk.tell(run.id, Cancel("ann"))
    second = Harness(
        agent(), replies=turns(says("x")), store=moot.store, clock=moot.clock, worker="w2"
    )
    async with second:
        await second.rescue()
        assert (await second.settled(run.id)).state is RunState.CANCELLED


async def test_a_run_that_is_for_later_can_be_cancelled_now() -> None:
    async with Harness(agent(), replies=turns(says("Hi."))) as moot:
        run = await moot.submit("Later.", not_before=moot.clock.now() + 3_600_000)
        await moot.desk.tell(run.id, Cancel("ann"))
        async with asyncio.timeout(5):
            assert (await moot.settled(run.id)).state is RunState.CANCELLED


async def test_what_is_over_takes_no_signal_but_retry() -> None:
    async with Harness(agent(), replies=turns(says("x"))) as moot:
        run = await moot.ask("Go.")
        for signal in (Say("late"), Cancel(), Pause(), Retry()):
            with pytest.raises(WrongState):
                await moot.desk.tell(run.id, signal)
        with pytest.raises(RunUnknown):
            await moot.desk.tell("run_none", Cancel())


async def test_a_failed_run_is_tried_again_with_fresh_context() -> None:
    answers = [ModelAuth("no key"), None]

    def reply(request):
        fault = answers.pop(0)
        if fault:
            raise fault
        assert len(request.messages) == 1
        return says("Better.")

    async with Harness(agent(), replies=reply) as moot:
        run = await moot.ask("Go.")
        assert run.state is RunState.FAILED
        await moot.desk.tell(run.id, Retry("ann"))
        await moot.until(lambda: any(b.__class__.__name__ == "Succeeded" for b in moot.entries))
        run = await moot.desk.run(run.id)
    assert (run.state, run.attempt, run.output) == (RunState.SUCCEEDED, 2, "Better.")


async def test_a_program_can_ask_a_person_and_sleep() -> None:
    def program(view, agent):
        said = [m for m in view.messages if isinstance(m, Said)]
        if len(said) == 1:
            return [] if view.question else [Ask("Which?")]
        if view.wake_at is not None:
            return []
        if view.replies == 0 and not any(k == "slept" for k in seen):
            seen.append("slept")
            return [Sleep(60)]
        if view.last is None:
            return [CallModel(system="", messages=view.messages)]
        return [Reply(view.last.text)]

    seen: list[str] = []
    moot = Harness(agent(program="p"), replies=turns(says("Done.")))
    moot.programs["p"] = program
    async with moot:
        run = await moot.ask("Go.")
        assert run.waits_for == "message"
        await moot.desk.tell(run.id, Say("This one."))
        await moot.until(lambda: any(b.__class__.__name__ == "Slept" for b in moot.entries))
        run = await moot.settled(run.id)
        assert (run.waits_for, run.wake_at) == ("time", moot.clock.now() + 60_000)
        moot.clock.advance(61)
        await moot.rescue()
        await moot.until(lambda: any(b.__class__.__name__ == "Succeeded" for b in moot.entries))


class Away(MemoryStore):
    """Does not say what was said, for a while."""

    away = False

    async def signals(self, runs):
        if self.away:
            raise StoreFault("The store is away.")
        return await super().signals(runs)


async def test_a_store_that_was_away_does_not_make_a_worker_deaf() -> None:
    held, store = Held(says("Done.")), Away(FakeClock())
    async with Harness(agent(), replies=held, store=store) as moot:
        run = await moot.submit("Go.")
        await held.asked.wait()
        async with asyncio.timeout(5):
            store.away = True
            await moot.desk.tell(run.id, Say("Hurry."))
            await moot.until(lambda: bool(moot.reports))
            store.away = False
            await moot.desk.tell(run.id, Cancel("ann"))
            assert (await moot.settled(run.id)).state is RunState.CANCELLED
