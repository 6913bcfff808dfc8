"""A worker is lost; another goes on from the journal and repeats nothing that is done."""

import asyncio

import pytest

from folkmoot.core.agent import Budget, ToolUse
from folkmoot.core.changes import Beat, Move, Retire
from folkmoot.core.effects import Effect
from folkmoot.core.entries import Resumed, ToolDoubted, ToolReturned
from folkmoot.core.errors import StoreFault, StoreFull, ToolFault
from folkmoot.core.messages import ToolCall
from folkmoot.core.run import RunState
from folkmoot.core.signals import Say
from folkmoot.core.spend import Price
from folkmoot.core.steps import Ask
from folkmoot.ports.tool import ToolResult
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.probe import Probe
from folkmoot.testing.replies import Held, calls, says, turns

LOOK = (ToolUse("look"),)


class Hanging(Probe):
    """A tool whose first call never ends: its worker is lost meanwhile."""

    def __init__(self, effect: Effect) -> None:
        super().__init__(effect=effect)
        self.begun = asyncio.Event()

    async def call(self, args, context):
        if not self.calls:
            self.calls.append(context)
            self.begun.set()
            await asyncio.Event().wait()
        return await super().call(args, context)


async def lost(moot: Harness) -> None:
    """Let a worker vanish without a word: its drives are gone, its row is gone."""
    for _, task in list(moot.dispatcher._drives.values()):
        task.cancel()
    await asyncio.sleep(0)
    await moot.store.write(Beat(worker=moot.worker, ttl_ms=0))
    moot.clock.advance(1)


async def taken_over(moot: Harness, run: str, **parts) -> Harness:
    second = Harness(store=moot.store, clock=moot.clock, worker="w2", **parts)
    await second.__aenter__()
    assert await second.rescue() == (run,)
    await second.until(lambda: any(b.__class__.__name__ == "Succeeded" for b in second.entries))
    return second


@pytest.mark.parametrize("effect", [Effect.PURE, Effect.IDEMPOTENT])
async def test_a_harmless_call_is_made_again_with_the_same_effect_id(effect: Effect) -> None:
    probe, replies = Hanging(effect), turns(calls("look"), says("Done."))
    async with Harness(agent(tools=LOOK), replies=replies, tools=[probe]) as moot:
        run = await moot.submit("Go.")
        await probe.begun.wait()
        await lost(moot)
        second = await taken_over(moot, run.id, replies=replies, tools=[probe])
        await second.__aexit__(None, None, None)
    assert [context.effect for context in probe.calls] == [probe.calls[0].effect] * 2


async def test_a_once_call_is_in_doubt_and_not_repeated() -> None:
    probe, replies = Hanging(Effect.ONCE), turns(calls("look"), says("Done."))
    async with Harness(agent(tools=LOOK), replies=replies, tools=[probe]) as moot:
        run = await moot.submit("Go.")
        await probe.begun.wait()
        await lost(moot)
        second = await taken_over(moot, run.id, replies=replies, tools=[probe])
        bodies = await second.journal(run.id)
        await second.__aexit__(None, None, None)
    assert len(probe.calls) == 1
    assert any(isinstance(b, ToolDoubted) for b in bodies)
    assert any(isinstance(b, Resumed) and b.lost == ("c0",) for b in bodies)


@pytest.mark.parametrize(
    ("trace", "times"), [(ToolResult("was done"), 1), (None, 2), (ToolFault("cannot tell"), 1)]
)
async def test_a_reconcilable_call_is_asked(trace, times: int) -> None:
    probe, replies = Hanging(Effect.RECONCILABLE), turns(calls("look"), says("Done."))
    probe.trace = trace
    async with Harness(agent(tools=LOOK), replies=replies, tools=[probe]) as moot:
        run = await moot.submit("Go.")
        await probe.begun.wait()
        await lost(moot)
        second = await taken_over(moot, run.id, replies=replies, tools=[probe])
        bodies = await second.journal(run.id)
        await second.__aexit__(None, None, None)
    assert len(probe.reconciled) == 1
    assert len(probe.calls) == times
    returned = [b for b in bodies if isinstance(b, ToolReturned)]
    if isinstance(trace, ToolFault):
        assert any(isinstance(b, ToolDoubted) for b in bodies)
    else:
        assert returned[0].reconciled is (trace is not None)


async def test_a_model_call_that_nobody_saw_end_is_asked_again_and_its_money_counts() -> None:
    held = Held(says("never"))
    declared = agent(budget=Budget(usd_per_day=1.0))
    moot = Harness(declared, replies=held)
    moot.price = Price(1, 1)
    async with moot:
        run = await moot.submit("Go.")
        await held.asked.wait()
        await lost(moot)
        second = Harness(
            declared, replies=turns(says("Hi.")), store=moot.store, clock=moot.clock, worker="w2"
        )
        second.price = Price(1, 1)
        async with second:
            await second.rescue()
            await second.until(
                lambda: any(b.__class__.__name__ == "Succeeded" for b in second.entries)
            )
            ended = await second.desk.run(run.id)
            spent, on_hold = await second.store.spent("agent:tester/2026-11-18")
    assert ended.spend.uncertain > 0
    assert spent == ended.spend.nanos + ended.spend.uncertain
    assert on_hold == 0


async def test_what_a_lost_worker_held_is_settled_also_where_its_run_cannot_be_driven() -> None:
    held = Held(says("Done."))
    moot = Harness(agent(program="p", budget=Budget(usd_per_day=1.0)), replies=held)
    moot.programs["p"], moot.price = moot.programs["loop"], Price(1000, 1000)
    async with moot:
        run = await moot.submit("Go.")
        await held.asked.wait()
        await lost(moot)
        second = Harness(store=moot.store, clock=moot.clock, worker="w2", replies=held)
        async with second:
            await second.rescue()
            ended = await second.settled(run.id)
        spent, on_hold = await moot.store.spent("agent:tester/2026-11-18")
    assert (ended.state, ended.error.split(":")[0]) == (RunState.REFUSED, "PROGRAM_NOT_FOUND")
    assert (spent, on_hold) == (ended.spend.uncertain, 0)
    assert spent > 0


async def test_results_that_are_durable_are_not_made_again() -> None:
    quick, slow = Probe("quick"), Hanging(Effect.PURE)
    tools = (ToolUse("quick"), ToolUse("look"))
    replies = turns(calls(ToolCall("a", "quick"), ToolCall("b", "look")), says("Done."))
    async with Harness(agent(tools=tools), replies=replies, tools=[quick, slow]) as moot:
        run = await moot.submit("Go.")
        await moot.until(lambda: any(isinstance(b, ToolReturned) for b in moot.entries))
        await lost(moot)
        second = await taken_over(moot, run.id, replies=replies, tools=[quick, slow])
        await second.__aexit__(None, None, None)
    assert (len(quick.calls), len(slow.calls)) == (1, 2)


async def test_a_worker_that_was_only_slow_cannot_write_any_more() -> None:
    held = Held(says("from the old worker"))
    async with Harness(agent(), replies=held) as moot:
        run = await moot.submit("Go.")
        await held.asked.wait()
        await moot.store.write(Retire(worker="w1", at=moot.clock.now()))
        second = Harness(
            agent(),
            replies=turns(says("from the new")),
            store=moot.store,
            clock=moot.clock,
            worker="w2",
        )
        async with second:
            await second.rescue()
            ended = await second.settled(run.id)
            while ended.state is not RunState.SUCCEEDED:
                ended = await second.settled(run.id)
            held.go.set()
            await moot.until(lambda: bool(moot.reports))
            kept = await second.kinds(run.id)
    assert ended.output == "from the new"
    assert moot.reports[0][0] == "lease_lost"
    assert kept.count("run.succeeded") == 1


class Filling(MemoryStore):
    """A store whose disk is full for some writes."""

    def __init__(self, clock) -> None:
        super().__init__(clock)
        self.full = 0

    async def write(self, *changes):
        if self.full and type(changes[0]).__name__ == "Append":
            self.full -= 1
            raise StoreFull
        return await super().write(*changes)


async def test_a_full_disk_stops_a_run_and_free_space_lets_it_go_on(probe: Probe) -> None:
    clock = FakeClock()
    store = Filling(clock)
    replies = turns(calls("look"), says("Done."))
    async with Harness(
        agent(tools=LOOK), replies=replies, tools=[probe], store=store, clock=clock
    ) as moot:
        store.full = 2
        run = await moot.submit("Go.")
        for _ in range(2):
            await clock.asleep()
            clock.advance(1)
        ended = await moot.settled(run.id)
        verified = await moot.desk.verify()
    assert ended.output == "Done."
    assert [report[0] for report in moot.reports] == ["store_failed"] * 2
    assert not verified.broken


class Failing(MemoryStore):
    """A store that fails in the middle: some ends cannot be written, some reads do not come."""

    def __init__(self, clock) -> None:
        super().__init__(clock)
        self.unwritten = self.unread = 0
        self.moves: list[Move] = []

    async def write(self, *changes):
        moves = [change for change in changes if isinstance(change, Move)]
        if self.unwritten and moves:
            self.unwritten -= 1
            raise StoreFault("The store is away.")
        self.moves += moves
        return await super().write(*changes)

    async def run(self, run):
        if self.unread:
            self.unread -= 1
            raise StoreFault("The store is away.")
        return await super().run(run)


async def until_over(moot: Harness, clock: FakeClock) -> None:
    """Let what pauses go on, until the run has its end."""
    while not any(b.__class__.__name__ == "Succeeded" for b in moot.entries):
        await asyncio.sleep(0)
        clock.advance(0.1)


async def test_a_store_that_comes_back_in_pieces_makes_no_call_twice() -> None:
    clock = FakeClock()
    store, probe = Failing(clock), Hanging(Effect.IDEMPOTENT)
    brought = {"replies": turns(calls("look"), says("Done.")), "tools": [probe]}
    async with Harness(agent(tools=LOOK), store=store, clock=clock, **brought) as moot:
        run = await moot.submit("Go.")
        await probe.begun.wait()
        await lost(moot)
        store.unwritten = store.unread = 1
        async with Harness(store=store, clock=clock, worker="w2", **brought) as second:
            await second.rescue()
            async with asyncio.timeout(5):
                await until_over(second, clock)
            ended = await second.desk.run(run.id)
    assert ended.output == "Done."
    assert len(probe.calls) == 2


async def test_what_is_said_after_a_store_came_back_is_not_slept_through() -> None:
    """The run hears a message, whose entry the store does not take at first."""
    clock = FakeClock()
    store = Failing(clock)
    declared = agent(program="asks")
    async with Harness(declared, replies=turns(says("Done.")), store=store, clock=clock) as moot:
        moot.programs["asks"] = lambda view, _: [Ask("Well?")] if not view.question else []
        run = await moot.ask("Go.")
        store.unwritten = 1
        await moot.desk.tell(run.id, Say("One."))
        await moot.until(lambda: any(r[0] == "store_failed" for r in moot.reports))
        while (await moot.desk.run(run.id)).state is not RunState.WAITING:
            await asyncio.sleep(0)
            clock.advance(0.1)
    assert store.moves[-1].signals_seen == 1


async def test_stopping_lets_a_step_finish_and_hands_the_run_over(probe: Probe) -> None:
    held = Held(calls("look"))
    async with Harness(agent(tools=LOOK), replies=held, tools=[probe]) as moot:
        run = await moot.submit("Go.")
        await held.asked.wait()
        stopping = asyncio.create_task(moot.dispatcher.stop(30))
        await asyncio.sleep(0)
        held.go.set()
        await stopping
        kept = await moot.desk.run(run.id)
        kinds = await moot.kinds(run.id)
    assert (kept.state, kept.worker) == (RunState.QUEUED, "")
    assert kinds[-1] == "model.replied"
    assert not probe.calls


async def test_stopping_without_grace_gives_runs_back_with_a_raised_fence() -> None:
    held = Held(says("x"))
    async with Harness(agent(), replies=held) as moot:
        run = await moot.submit("Go.")
        await held.asked.wait()
        await moot.dispatcher.stop(0)
        kept = await moot.desk.run(run.id)
    assert (kept.state, kept.fence) == (RunState.QUEUED, 2)


async def test_who_cuts_the_grace_short_still_gives_the_runs_back() -> None:
    held = Held(says("x"))
    async with Harness(agent(), replies=held) as moot:
        run = await moot.submit("Go.")
        await held.asked.wait()
        stopping = asyncio.create_task(moot.dispatcher.stop(1000))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        kept = await moot.desk.run(run.id)
    assert (kept.state, kept.fence) == (RunState.QUEUED, 2)
