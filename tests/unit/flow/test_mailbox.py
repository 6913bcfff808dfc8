"""Whatever is said, lost, paused and taken over: every message is answered once, in order, one at a time."""

import asyncio

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from folkmoot.core import entries as e
from folkmoot.core.agent import ToolUse
from folkmoot.core.changes import Beat
from folkmoot.core.messages import Returned, Said
from folkmoot.core.signals import Pause, Resume
from folkmoot.core.task import ReplyTo
from folkmoot.flow.delivery import Delivery
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.probe import Probe
from folkmoot.testing.replies import calls, says

AGENT = agent(mode="continuous", tools=(ToolUse("look"),))


class Far:
    """A gateway that remembers."""

    def __init__(self):
        self.taken = []

    async def deliver(self, address, text, key):
        self.taken.append((address, text, key))


def reply(request):
    """Look first when the message is an odd one, then answer it."""
    last = request.messages[-1]
    said = next(m.text for m in reversed(request.messages) if isinstance(m, Said))
    odd = not isinstance(last, Returned) and int(said) % 2
    return calls("look") if odd else says(f"re {said}")


class Fleet:
    """One store and the worker that has it now."""

    def __init__(self):
        self.far, self.count, self.run = Far(), 0, ""
        self.moot = self._worker()

    def _worker(self, **given):
        self.count += 1
        made = Harness(AGENT, replies=reply, tools=[Probe()], worker=f"w{self.count}", **given)
        made.gateways["far"] = self.far
        return made

    async def say(self, number):
        task = self.moot.task(
            str(number), conversation="c", key=f"k{number}", reply_to=ReplyTo("far", str(number))
        )
        self.run = (await self.moot.desk.submit(task)).run.id

    async def lose(self):
        """Let the worker vanish where it stands; another takes over."""
        for _, task in list(self.moot.dispatcher._drives.values()):
            task.cancel()
        await asyncio.sleep(0)
        await self.moot.store.write(Beat(worker=self.moot.worker, ttl_ms=0))
        await self.moot.__aexit__(None, None, None)
        self.moot.clock.advance(1)
        self.moot = self._worker(store=self.moot.store, clock=self.moot.clock)
        await self.moot.__aenter__()
        await self.moot.rescue()

    async def rest(self):
        """Do what upkeep does until the conversation rests."""
        store = self.moot.store
        while True:
            await self.moot.rescue()
            kept = await store.run(self.run)
            if kept.waits_for == "message" and not await store.signals([self.run]):
                return


ACTS = st.lists(
    st.one_of(
        st.sampled_from(["say", "say", "say", "again", "lose", "pause", "resume"]),
        st.integers(1, 12),
    ),
    max_size=25,
)


async def live(acts):
    """Do what is asked; return the journal's bodies, what was delivered, and how many were sent."""
    fleet, sent = Fleet(), 0
    await fleet.moot.__aenter__()
    await fleet.say(0)
    for act in acts:
        match act:
            case "say":
                sent += 1
                await fleet.say(sent)
            case "again":
                await fleet.say(sent)
            case "lose":
                await fleet.lose()
            case "pause" | "resume":
                await fleet.moot.desk.tell(fleet.run, Pause() if act == "pause" else Resume())
            case steps:
                for _ in range(steps):
                    await asyncio.sleep(0)
    await fleet.moot.desk.tell(fleet.run, Resume())
    await fleet.rest()
    while await Delivery(fleet.moot.parts).once():
        pass
    bodies = await fleet.moot.journal(fleet.run)
    verified = await fleet.moot.desk.verify()
    await fleet.moot.__aexit__(None, None, None)
    assert not verified.broken
    assert not [report for report in fleet.moot.reports if report[0] != "lease_lost"]
    return bodies, fleet.far.taken, sent + 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ACTS)
@example([4, 4, "say", "say", "resume", "pause", "resume", 3, "again", "say"])
@example(["say", 2, "say", "resume", "say", "again"])
def test_every_message_is_answered_once_in_order_one_at_a_time(acts):
    bodies, delivered, sent = asyncio.run(live(acts))
    story = [b for b in bodies if isinstance(b, e.MessageAdded | e.MessageAnswered)]
    assert [type(b) for b in story] == [e.MessageAdded, e.MessageAnswered] * sent
    said, answered = story[::2], story[1::2]
    assert [b.text for b in said] == [str(n) for n in range(sent)]
    assert [b.message for b in said] == [b.message for b in answered]
    assert [b.output for b in answered] == [f"re {n}" for n in range(sent)]
    assert [(to, text) for to, text, _ in delivered] == [(str(n), f"re {n}") for n in range(sent)]
