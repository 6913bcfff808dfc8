"""The ledger is verified while everything goes on; a journal that cannot be read harms no other run."""

import pytest
from msgspec.structs import replace

from folkmoot.core.agent import Approval, ToolUse
from folkmoot.core.changes import Claimed, Prune
from folkmoot.core.errors import JournalBroken, ModelAuth
from folkmoot.core.run import RunState
from folkmoot.core.signals import Cancel, Retry, Say, Vote
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.probe import Probe
from folkmoot.testing.replies import calls, says, turns


class Between(MemoryStore):
    """Lets something happen after the runs were listed, and before their journals are read."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.happens = None

    async def entries(self, run, after=0, limit=1000):
        if self.happens is not None:
            happens, self.happens = self.happens, None
            await happens()
        return await super().entries(run, after, limit)


async def test_a_run_that_is_pruned_meanwhile_is_no_broken_one():
    store = Between()
    async with Harness(agent(), replies=turns(says("Hi.")), store=store) as moot:
        for text in "abc":
            await moot.ask(text)
        old = Prune(before=moot.clock.now() + 1, limit=2)
        store.happens = lambda: store.write(old)
        found = await moot.desk.verify()
    assert (found.entries, found.broken) == (4, ())


async def test_a_run_that_is_tried_again_meanwhile_is_no_broken_one():
    answers, store = [ModelAuth("No.")], Between()

    def reply(_):
        if answers:
            raise answers.pop()
        return says("Hi.")

    async with Harness(agent(), replies=reply, store=store) as moot:
        run = await moot.ask("Hello")

        async def again():
            await moot.desk.tell(run.id, Retry("ann"))
            await moot.settled(run.id)

        store.happens = again
        found = await moot.desk.verify()
        assert (found.entries, found.broken) == (len(await moot.raw(run.id)), ())


class Damaged(MemoryStore):
    """Gives the second entry of some runs with nonsense in it."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.damaged: set[str] = set()

    def _touched(self, entries):
        return [
            replace(x, body=b"nope") if x.run in self.damaged and x.seq == 2 else x for x in entries
        ]

    async def entries(self, run, after=0, limit=1000):
        return self._touched(await super().entries(run, after, limit))

    async def write(self, *changes):
        outcomes = await super().write(*changes)
        return tuple(
            replace(x, entries=tuple(self._touched(x.entries))) if isinstance(x, Claimed) else x
            for x in outcomes
        )


async def test_a_journal_that_cannot_be_read_is_no_secret_and_harms_no_other_run():
    store, probe = Damaged(), Probe()
    declared = agent(tools=(ToolUse("look"),), approvals=(Approval(match="look:do"),))
    replies = turns(calls("look"), says("Done."))
    async with Harness(declared, replies=replies, tools=[probe], store=store) as moot:
        bad, good = await moot.ask("1"), await moot.ask("2")
        store.damaged.add(bad.id)
        (question,) = await moot.desk.questions()
        assert question.run == good.id
        with pytest.raises(JournalBroken, match=f"Entry 2 of {bad.id} cannot be read"):
            await moot.desk.questions(bad.id)
        for run in (bad, good):
            await moot.desk.tell(run.id, Say("Hurry."))
        await moot.until(
            lambda: sum(type(body).__name__ == "Refused" for body in moot.entries) == 1
        )
        ended = await moot.settled(bad.id)
        assert (ended.state, ended.error.split(":")[0]) == (RunState.REFUSED, "JOURNAL_BROKEN")
        assert ended.spend == bad.spend
        assert [(b.run, b.seq) for b in (await moot.desk.verify()).broken] == [(bad.id, 2)]
        await moot.desk.tell(good.id, Vote(question.approval, approve=True))
        assert (await moot.settled(good.id)).output == "Done."


class Rewritten(MemoryStore):
    """Gives its runs otherwise than they were written."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.otherwise: dict[str, object] = {}

    async def run(self, run):
        found = await super().run(run)
        return None if found is None else replace(found, **self.otherwise)

    async def runs(self, query):
        return [replace(run, **self.otherwise) for run in await super().runs(query)]


ENDS = {"succeeded": lambda _: says("Hi."), "failed": turns(ModelAuth("No."))}


@pytest.mark.parametrize(
    ("end", "otherwise"),
    [
        ("succeeded", {"output": "Ho."}),
        ("succeeded", {"state": RunState.FAILED}),
        ("succeeded", {"error": "MODEL_AUTH: No."}),
        ("failed", {"error": "MODEL_AUTH: Yes."}),
        ("failed", {"state": RunState.CANCELLED}),
    ],
)
async def test_a_run_that_is_kept_otherwise_than_its_journal_ends_is_named(end, otherwise):
    store = Rewritten()
    async with Harness(agent(), replies=ENDS[end], store=store) as moot:
        run = await moot.ask("Hello")
        assert run.state == end
        assert (await moot.desk.verify()).broken == ()
        store.otherwise = otherwise
        assert [(b.run, b.seq) for b in (await moot.desk.verify()).broken] == [(run.id, run.head)]


async def test_every_end_of_a_run_is_found_as_it_was_written():
    async with Harness(agent(), agent("lost", program="p"), replies=ENDS["succeeded"]) as moot:
        later = await moot.submit("Later.", not_before=moot.clock.now() + 1000)
        await moot.desk.tell(later.id, Cancel("ann", "No."))
        moot.programs["p"] = lambda _view, _agent: 1 // 0
        states = [(await moot.settled(later.id)).state, (await moot.ask("x", "lost")).state]
        assert states == [RunState.CANCELLED, RunState.FAILED]
        assert (await moot.desk.verify()).broken == ()
