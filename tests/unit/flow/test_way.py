"""The way of a task, from submit to reply."""

import asyncio

import pytest

from folkmoot.core.agent import Limits, SandboxUse, ToolUse
from folkmoot.core.entries import Entry, broken
from folkmoot.core.errors import AgentUnknown, Invalid, KeyReused, QueueFull, TaskInvalid, ToolFault
from folkmoot.core.messages import Returned, ToolCall
from folkmoot.core.run import RunState
from folkmoot.core.spend import Price
from folkmoot.core.task import ReplyTo, Task
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.probe import Probe
from folkmoot.testing.replies import Held, calls, says, turns

LOOK = (ToolUse("look"),)


async def test_a_task_becomes_a_reply_with_every_step_in_a_chained_journal(probe: Probe) -> None:
    replies = turns(calls(ToolCall("c1", "look", {"at": "sky"})), says("It is blue."))
    async with Harness(agent(tools=LOOK), replies=replies, tools=[probe]) as moot:
        moot.price = Price(3, 5)
        run = await moot.ask("What colour is the sky?")
        journal = await moot.raw(run.id)
    assert (run.state, run.output) == (RunState.SUCCEEDED, "It is blue.")
    assert [x.kind for x in journal] == [
        "run.created",
        "model.called",
        "model.replied",
        "tool.returned",
        "model.called",
        "model.replied",
        "run.succeeded",
    ]
    assert broken(journal) is None
    assert run.head == 7
    assert run.head_hash == journal[-1].hash.hex()
    assert (run.spend.model_calls, run.spend.tool_calls, run.spend.tokens) == (2, 1, 45)
    assert run.spend.nanos == 30 * 3 + 15 * 5


async def test_the_model_is_shown_what_the_tool_returned(probe: Probe) -> None:
    shown = []

    def reply(request):
        shown.append(list(request.messages))
        return turns(calls(ToolCall("c1", "look", {"at": "sea"})), says("Done."))(request)

    async with Harness(agent(tools=LOOK), replies=reply, tools=[probe]) as moot:
        await moot.ask("Look.")
    assert shown[1][-1] == Returned("c1", "look", "saw sea")


async def test_parallel_calls_run_side_by_side_and_each_result_is_kept() -> None:
    both = asyncio.Barrier(2)

    async def act(args):
        await both.wait()
        return "met"

    wanted = calls(ToolCall("a", "look"), ToolCall("b", "look"))
    async with Harness(
        agent(tools=LOOK), replies=turns(wanted, says("Met.")), tools=[Probe(act=act)]
    ) as moot:
        run = await moot.ask("Meet.")
        kinds = await moot.kinds(run.id)
    assert run.output == "Met."
    assert kinds.count("tool.returned") == 2


async def test_a_limit_on_parallel_calls_is_kept() -> None:
    now = most = 0

    async def act(args):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return "ok"

    wanted = calls(*[ToolCall(f"c{n}", "look") for n in range(6)])
    declared = agent(tools=LOOK, limits=Limits(parallel_tools=2))
    async with Harness(declared, replies=turns(wanted, says("x")), tools=[Probe(act=act)]) as moot:
        await moot.ask("Go.")
    assert most == 2


async def test_same_ids_in_one_reply_get_ids_of_their_own(probe: Probe) -> None:
    wanted = calls(ToolCall("x", "look"), ToolCall("x", "look"), ToolCall("", "look"))
    async with Harness(agent(tools=LOOK), replies=turns(wanted, says("ok")), tools=[probe]) as moot:
        run = await moot.ask("Go.")
    assert run.state is RunState.SUCCEEDED
    assert len({context.effect for context in probe.calls}) == 3


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (ToolCall("c", "nothing"), "TOOL_NOT_FOUND"),
        (ToolCall("c", "look", {}, "{not json"), "INVALID_ARGS"),
        (ToolCall("c", "look", {"at": 5}), "INVALID_ARGS"),
    ],
)
async def test_a_wrong_call_goes_back_to_the_model_and_nothing_is_done(
    probe: Probe, call: ToolCall, code: str
) -> None:
    async with Harness(
        agent(tools=LOOK), replies=turns(calls(call), says("Sorry.")), tools=[probe]
    ) as moot:
        run = await moot.ask("Go.")
        bodies = await moot.journal(run.id)
    assert run.output == "Sorry."
    assert [b.error for b in bodies if b.__struct_config__.tag == "tool.returned"] == [code]
    assert not probe.calls


@pytest.mark.parametrize(
    ("fault", "code"), [(ToolFault("No luck."), "TOOL_FAULT"), (ValueError("odd"), "TOOL_BROKEN")]
)
async def test_a_tool_that_fails_is_the_models_news(fault: Exception, code: str) -> None:
    def act(args):
        raise fault

    async with Harness(
        agent(tools=LOOK), replies=turns(calls("look"), says("ok")), tools=[Probe(act=act)]
    ) as moot:
        run = await moot.ask("Go.")
        bodies = await moot.journal(run.id)
    assert run.state is RunState.SUCCEEDED
    assert bodies[3].error == code


async def test_a_tool_that_hangs_is_ended() -> None:
    async def act(args):
        await asyncio.Event().wait()

    declared = agent(tools=LOOK, limits=Limits(tool_seconds=0.01))
    async with Harness(
        declared, replies=turns(calls("look"), says("ok")), tools=[Probe(act=act)]
    ) as moot:
        run = await moot.ask("Go.")
        bodies = await moot.journal(run.id)
    assert run.state is RunState.SUCCEEDED
    assert bodies[3].error == "TOOL_TIMEOUT"


async def test_long_output_is_cut_and_granted_secrets_are_masked() -> None:
    act = lambda args: "x" * 500 + "hunter22" + "y" * 500  # noqa: E731
    declared = agent(tools=LOOK, limits=Limits(tool_output=100), sandbox=SandboxUse(env=("PASS",)))
    async with Harness(
        declared, replies=turns(calls("look"), says("ok")), tools=[Probe(act=act)]
    ) as moot:
        moot.env["PASS"] = "hunter22"
        moot.env["OTHER"] = "not granted"
        run = await moot.ask("Go.")
        bodies = await moot.journal(run.id)
    assert "hunter22" not in bodies[3].text
    assert len(bodies[3].text) < 160


@pytest.mark.parametrize("shown", ["{long}", "{short}", '{{"key":"{json}"}}'])
async def test_no_part_of_a_granted_secret_is_left_in_an_output(shown: str) -> None:
    short, long = "hunter22", 'hunter22-and-"more"\nlines'
    output = shown.format(
        short=short, long=long, json=long.replace('"', '\\"').replace("\n", "\\n")
    )
    declared = agent(tools=LOOK, sandbox=SandboxUse(env=("SHORT", "LONG")))
    async with Harness(
        declared, replies=turns(calls("look"), says("ok")), tools=[Probe(act=lambda args: output)]
    ) as moot:
        moot.env.update(SHORT=short, LONG=long)
        run = await moot.ask("Go.")
        bodies = await moot.journal(run.id)
    assert "hunter22" not in bodies[3].text
    assert "more" not in bodies[3].text


async def test_only_granted_variables_reach_a_tool(probe: Probe) -> None:
    declared = agent(tools=LOOK, sandbox=SandboxUse(env=("MINE",)))
    async with Harness(declared, replies=turns(calls("look"), says("ok")), tools=[probe]) as moot:
        moot.env.update(MINE="yes", THEIRS="secret")
        await moot.ask("Go.")
    assert dict(probe.calls[0].env) == {"MINE": "yes"}


async def test_the_same_key_is_the_same_run() -> None:
    async with Harness(agent(), replies=turns(says("Hi."))) as moot:
        first = await moot.ask("Hello", key="k1")
        again = await moot.desk.submit(Task(agent="tester", input="Hello", key="k1"))
        with pytest.raises(KeyReused):
            await moot.submit("Something else", key="k1")
    assert (again.new, again.run.id) == (False, first.id)


async def test_bad_tasks_are_refused_before_anything_is_written() -> None:
    async with Harness(agent(), replies=turns(says("Hi."))) as moot:
        with pytest.raises(AgentUnknown):
            await moot.submit("x", agent="nobody")
        with pytest.raises(TaskInvalid, match="priority"):
            await moot.submit("x", priority="urgent")
        with pytest.raises(TaskInvalid, match="gateway"):
            await moot.submit("x", reply_to=ReplyTo("pigeon", "roof"))
        assert (await moot.desk.counts()).states == {}


async def test_a_full_queue_takes_no_more() -> None:
    held = Held(says("x"))
    async with Harness(agent(), replies=held) as moot:
        moot.parts.queue_limit = 0
        with pytest.raises(QueueFull) as caught:
            await moot.submit("x")
    assert caught.value.details["retry_after"] > 0


@pytest.mark.parametrize("fault", [RuntimeError("oops"), Invalid("oops")])
async def test_a_programs_defect_fails_its_run_and_not_the_worker(fault: Exception) -> None:
    def broken_program(view, agent):
        raise fault

    async with Harness(agent("bad", program="broken"), agent(), replies=turns(says("Hi."))) as moot:
        moot.programs["broken"] = broken_program
        bad = await asyncio.wait_for(moot.ask("x", agent="bad"), 5)
        good = await moot.ask("x")
    assert bad.error.startswith("INTERNAL")
    assert good.state is RunState.SUCCEEDED
    assert moot.reports[0][0] == "run_broke"


async def test_a_program_that_gives_no_step_fails_clearly() -> None:
    async with Harness(agent(program="mute"), replies=turns(says("x"))) as moot:
        moot.programs["mute"] = lambda view, agent: []
        run = await moot.ask("x")
    assert run.error.startswith("PROGRAM_STUCK")


async def test_a_lost_definition_refuses_the_run() -> None:
    async with Harness(agent(), replies=turns(says("x"))) as moot:
        moot.kits._kits.clear()
        await moot.dispatcher.stop()
        run = await moot.submit("x")
    second = Harness(agent("other"), replies=turns(says("x")), store=moot.store, clock=moot.clock)
    async with second as moot:
        moot.store._tables.blobs.clear()
        await moot.rescue()
        found = await moot.settled(run.id)
    assert found.state is RunState.REFUSED
    assert "definition" in found.error


async def test_a_follower_sees_every_entry_once_and_deltas_between() -> None:
    held = Held(says("Hello there."))
    async with Harness(agent(), replies=held) as moot:
        run = await moot.submit("Hi")
        seen = []

        async def follow():
            async for item in moot.desk.follow(run.id):
                seen.append(getattr(item, "kind", "delta"))  # noqa: PERF401 - seen as it comes

        following = asyncio.create_task(follow())
        await held.asked.wait()
        await moot.until(lambda: "model.called" in seen)
        held.go.set()
        await following
    assert seen == ["run.created", "model.called", "delta", "model.replied", "run.succeeded"]


@pytest.mark.parametrize("after", [4, 99])
async def test_a_follower_who_has_seen_the_end_does_not_wait_for_more(after) -> None:
    async with Harness(agent(), replies=turns(says("x"))) as moot:
        run = await moot.submit("Hi")
        ended = await moot.settled(run.id)
        async with asyncio.timeout(5):
            assert [item async for item in moot.desk.follow(run.id, after)] == []
    assert ended.head == 4


async def test_a_follower_from_beyond_the_end_ends_with_the_run() -> None:
    held = Held(says("x"))
    async with Harness(agent(), replies=held) as moot:
        run = await moot.submit("Hi")

        async def follow():
            return [item async for item in moot.desk.follow(run.id, 99) if isinstance(item, Entry)]

        following = asyncio.create_task(follow())
        await held.asked.wait()
        held.go.set()
        async with asyncio.timeout(5):
            assert await following == []


async def test_the_worker_drives_no_more_than_its_share() -> None:
    held = Held(says("x"))
    moot = Harness(agent(), replies=held)
    moot.concurrency = 2
    async with moot:
        runs = [await moot.submit(str(n)) for n in range(5)]
        await moot.until(lambda: held.count == 2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert held.count == 2
        held.go.set()
        ended = [await moot.settled(run.id) for run in runs]
    assert {run.state for run in ended} == {RunState.SUCCEEDED}


async def test_half_characters_are_refused_from_people_and_mended_from_tools() -> None:
    act = lambda args: "bad \ud800 name"  # noqa: E731
    async with Harness(
        agent(tools=LOOK), replies=turns(calls("look"), says("ok \udfff")), tools=[Probe(act=act)]
    ) as moot:
        with pytest.raises(TaskInvalid, match="surrogate"):
            await moot.submit("half \ud800")
        run = await moot.ask("Go.")
        bodies = await moot.journal(run.id)
    assert (run.state, run.output) == (RunState.SUCCEEDED, "ok ?")
    assert bodies[3].text == "bad ? name"


async def test_a_worker_that_is_made_smaller_takes_less_and_a_larger_one_more() -> None:
    held = Held(says("Done."))
    async with Harness(agent(), replies=held) as moot:
        moot.dispatcher.resize(1)
        runs = [await moot.submit(f"Task {number}.") for number in range(3)]
        await moot.until(lambda: held.count == 1)
        for _ in range(50):
            await asyncio.sleep(0)
        assert (held.count, moot.dispatcher.active) == (1, 1)
        moot.dispatcher.resize(3)
        await moot.until(lambda: held.count == 3)
        held.go.set()
        for run in runs:
            assert (await moot.settled(run.id)).state == RunState.SUCCEEDED
