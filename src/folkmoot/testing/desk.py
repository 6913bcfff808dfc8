"""A desk in memory, for tests of gateways: real journals, real chains, no worker.

The answers are those of a real desk: runs are made, keys are remembered, journals are chained,
questions are folded from them, followers see every entry once and in order. What a worker would do
is done by the test:

    desk = MemoryDesk(agents=[agent])
    run = (await desk.submit(Task(agent="reader", input="Read."))).run.id
    desk.write(run, ModelCalled(call="1", model="scripted:m"))
    desk.say(run, "Do")                      # a delta
    desk.write(run, Succeeded(output="Done."))

`fault` makes every answer fail with that error, `parts` are what `health` finds, and `following`
counts who follows a run now: a gateway that leaks followers shows it here.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from msgspec.structs import replace

from folkmoot.core import entries as e
from folkmoot.core import ids, signals
from folkmoot.core.agent import Agent
from folkmoot.core.entries import Body, Entry, broken
from folkmoot.core.errors import (
    AgentUnknown,
    KeyReused,
    MessageUnknown,
    RunUnknown,
    TaskInvalid,
    WrongState,
)
from folkmoot.core.run import Run
from folkmoot.core.signals import AnySignal
from folkmoot.core.task import PRIORITIES, Task
from folkmoot.core.view import View, apply
from folkmoot.flow.eventdesk import FlowEventDesk
from folkmoot.ports.clock import Clock
from folkmoot.ports.desk import (
    Answer,
    Broken,
    Delta,
    Health,
    HeldBack,
    Part,
    Question,
    Reloaded,
    Verified,
)
from folkmoot.ports.intake import Submitted
from folkmoot.ports.store import Counts, Query
from folkmoot.testing import becoming
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.timetable import Timetables


class _Kept:
    """One run as it is kept: its row, its journal, its view, who follows it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.journal: list[Entry] = []
        self.view = View(run.id)
        self.heard: set[str] = set()
        self.followers: list[asyncio.Queue[Entry | Delta]] = []


class MemoryDesk:
    """ports/desk.py in memory."""

    def __init__(self, agents: Iterable[Agent] = (), clock: Clock | None = None) -> None:
        """Declare agents; time stands still unless a clock is given."""
        self.clock: Clock = FakeClock() if clock is None else clock
        self.fault: Exception | None = None
        self.parts: tuple[Part, ...] = (Part(name="store", ok=True), Part(name="broker", ok=True))
        self._agents = {agent.name: agent for agent in agents}
        self._held_back: dict[str, HeldBack] = {}
        self._kept: dict[str, _Kept] = {}
        self._timetable = Timetables(self.clock, self._known, self.submit)
        self.events = FlowEventDesk(self._timetable.store, self.clock)
        self._keys: dict[tuple[str, str], tuple[str, str]] = {}
        self._followed = asyncio.Event()
        self._unfollowed = asyncio.Event()

    # ------------------------------------------------------------------ what a worker would do

    def write(self, run: str, body: Body) -> Entry:
        """Add an entry to a run's journal and move the run as a worker would."""
        kept = self._kept[run]
        entry = e.write(kept.view.head, run, self.clock.now(), body)
        kept.journal.append(entry)
        apply(kept.view, entry, body)
        kept.run = becoming.moved(kept.run, kept.view, body)
        self._show(kept, entry)
        return entry

    def say(self, run: str, text: str) -> None:
        """Let the model say a piece of its reply."""
        self._show(self._kept[run], Delta(run, text))

    def tamper(self, run: str, seq: int, body: bytes) -> None:
        """Overwrite what an entry says, behind the back of its chain."""
        journal = self._kept[run].journal
        journal[seq - 1] = replace(journal[seq - 1], body=body)

    @property
    def following(self) -> int:
        """How many follow a run now."""
        return sum(len(kept.followers) for kept in self._kept.values())

    async def followed(self) -> None:
        """Wait until somebody follows a run."""
        await self._followed.wait()

    async def unfollowed(self) -> None:
        """Wait until nobody follows a run any more."""
        await self._unfollowed.wait()

    def _count_followers(self) -> None:
        some, none = self._followed, self._unfollowed
        if self.following == 0:
            some, none = none, some
        some.set()
        none.clear()

    def _show(self, kept: _Kept, item: Entry | Delta) -> None:
        for follower in kept.followers:
            follower.put_nowait(item)

    # ------------------------------------------------------------------ the desk

    async def submit(self, task: Task) -> Submitted:
        """Make a run of a task."""
        self._fail()
        self._known(task.agent)
        if task.priority not in PRIORITIES:
            raise TaskInvalid(f"Priority {task.priority!r} is none of {', '.join(PRIORITIES)}.")
        if task.conversation:
            return self._say(task)
        known = self._keys.get((task.source, task.key)) if task.key else None
        if known is None:
            return Submitted(self._create(task), new=True)
        run, fingerprint = known
        if fingerprint != task.fingerprint():
            raise KeyReused(kept="The first task's run goes on.", run=run)
        return Submitted(self._kept[run].run, new=False)

    def _say(self, task: Task) -> Submitted:
        """Let a conversation hear a message at once; its run is made with the first one."""
        name = ("conversation", f"{task.agent}/{task.conversation}")
        if name not in self._keys:
            run = self._create(replace(task, input="", key="", reply_to=None, deadline=None))
            self._keys[name] = (run.id, "")
        kept = self._kept[self._keys[name][0]]
        before = kept.run
        made = ids.make("msg", self.clock.now(), self.clock.entropy(10))
        id_ = f"msg_{task.key}" if task.key else made
        new = id_ not in kept.heard
        if new:
            kept.heard.add(id_)
            self.write(kept.run.id, e.MessageAdded(text=task.input, message=id_))
        return Submitted(before, new=new, message=id_)

    def _create(self, task: Task) -> Run:
        now = self.clock.now()
        run = Run(
            id=ids.make("run", now, self.clock.entropy(10)),
            agent=task.agent,
            definition=self._agents[task.agent].digest(),
            priority=task.priority,
            source=task.source,
            created_at=now,
            updated_at=now,
            deadline=task.deadline,
            labels=task.labels,
        )
        self._kept[run.id] = _Kept(run)
        if task.key:
            self._keys[task.source, task.key] = (run.id, task.fingerprint())
        self.write(run.id, e.Created(task=task, definition=run.definition))
        return self._kept[run.id].run

    async def run(self, run: str) -> Run:
        """Return a run."""
        return self._find(run).run

    async def runs(self, query: Query) -> list[Run]:
        """List runs, newest first."""
        self._fail()
        found = [
            kept.run
            for kept in self._kept.values()
            if query.agent in {"", kept.run.agent}
            and (not query.states or kept.run.state in query.states)
            and (not query.before or kept.run.id < query.before)
        ]
        return sorted(found, key=lambda run: run.id, reverse=True)[: query.limit]

    async def journal(self, run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Return a run's entries after a number."""
        return self._find(run).journal[after : after + limit]

    async def follow(self, run: str, after: int = 0) -> AsyncIterator[Entry | Delta]:
        """Yield a run's entries after a number, then what comes."""
        kept = self._find(run)
        items: asyncio.Queue[Entry | Delta] = asyncio.Queue()
        for entry in kept.journal[after:]:
            items.put_nowait(entry)
        kept.followers.append(items)
        self._count_followers()
        try:
            while not (kept.run.state.final and items.empty()):
                yield await items.get()
        finally:
            kept.followers.remove(items)
            self._count_followers()

    async def answer(self, run: str, message: str, wait_s: float = 0.0) -> Answer | None:
        """Return the answer to a conversation's message."""
        kept = self._find(run)
        if message not in kept.heard:
            raise MessageUnknown(f"Run {run} has no message {message!r}.")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                async for item in self.follow(run):
                    found = becoming.answer(item, message)
                    if found is not None:
                        return found
        return None

    async def tell(self, run: str, signal: AnySignal, key: str = "") -> bool:
        """Say something to a run; it is heard at once."""
        kept, name = self._find(run), signals.name(signal, key)
        if key and name in kept.heard:
            return False
        if kept.run.state.final is not isinstance(signal, signals.Retry):
            raise WrongState(
                f"The run is {kept.run.state}: it cannot take {signals.kind(signal)!r}.",
                kept="Nothing was changed.",
            )
        if isinstance(signal, signals.Vote):
            becoming.check_vote(kept.view, signal)
        kept.heard.add(name)
        self.write(run, becoming.entry_of(signal, kept.run.attempt))
        return True

    @property
    def timetable(self) -> Timetables:
        """What can be asked about schedules."""
        self._fail()
        return self._timetable

    def _known(self, agent: str) -> Agent:
        if agent not in self._agents:
            raise AgentUnknown(f"There is no agent {agent!r}.")
        return self._agents[agent]

    async def questions(self, run: str = "") -> list[Question]:
        """Return the approvals that are waited for."""
        chosen = [self._find(run)] if run else list(self._kept.values())
        self._fail()
        return [question for kept in chosen for question in becoming.questions(kept.run, kept.view)]

    def agents(self) -> list[Agent]:
        """Return the agents that were declared."""
        self._fail()
        return [self._agents[name] for name in sorted(self._agents)]

    async def reload(self, agent: str = "") -> Reloaded:
        """Find the agents as they were declared."""
        self._fail()
        if agent and agent not in self._agents:
            raise AgentUnknown(f"There is no agent {agent!r}.")
        return Reloaded(agents=tuple(sorted(self._agents)))

    async def held_back(self) -> list[HeldBack]:
        """Return the agents that were held back (`hold_back`)."""
        self._fail()
        return [self._held_back[name] for name in sorted(self._held_back)]

    async def clear(self, agent: str) -> bool:
        """Forget an agent's failures."""
        self._fail()
        return self._held_back.pop(agent, None) is not None

    def hold_back(self, agent: str, trips: int = 1, until: int = 0) -> None:
        """Let an agent be left alone, as after failures."""
        self._held_back[agent] = HeldBack(agent=agent, failures=0, trips=trips, until=until)

    async def counts(self) -> Counts:
        """Count runs."""
        self._fail()
        states = [kept.run.state.value for kept in self._kept.values()]
        return Counts(states={s: states.count(s) for s in sorted(set(states))}, workers=1, outbox=0)

    async def verify(self, run: str = "") -> Verified:
        """Recompute the chains."""
        chosen = [self._find(run)] if run else list(self._kept.values())
        self._fail()
        wrong = [
            Broken(run=kept.run.id, seq=bad.seq, reason="It does not fit the entry before it.")
            for kept in chosen
            if (bad := broken(kept.journal)) is not None
        ]
        entries = sum(len(kept.journal) for kept in chosen)
        return Verified(runs=len(chosen), entries=entries, broken=tuple(wrong))

    async def health(self) -> Health:
        """Report the parts as the test set them."""
        self._fail()
        ready = all(part.ok for part in self.parts if part.critical)
        return Health(ready=ready, parts=self.parts, active=0, capacity=100)

    def _find(self, run: str) -> _Kept:
        self._fail()
        if run not in self._kept:
            raise RunUnknown(f"There is no run {run!r}.")
        return self._kept[run]

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault
