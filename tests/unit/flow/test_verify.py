"""The ledger is verified while everything goes on: what changes meanwhile is no fault."""

from folkmoot.core.changes import Prune
from folkmoot.core.errors import ModelAuth
from folkmoot.core.signals import Retry
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import says, turns


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
