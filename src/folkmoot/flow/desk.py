"""The desk: answers what is asked from outside (ports/desk.py), from the store and the broker's hints."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from folkmoot.core import ids, lane, signals
from folkmoot.core.agent import Agent
from folkmoot.core.changes import Change, DropRecord, Hasten, Signal
from folkmoot.core.entries import Entry
from folkmoot.core.errors import AgentUnknown, Denied, JournalBroken, RunUnknown, WrongState
from folkmoot.core.events import QUEUE_FILLED, Event
from folkmoot.core.run import Run, RunState
from folkmoot.core.task import Task
from folkmoot.core.view import View, apply
from folkmoot.flow import answers
from folkmoot.flow.eventdesk import FlowEventDesk
from folkmoot.flow.intake import QUEUE, Intake
from folkmoot.flow.news import News
from folkmoot.flow.parts import Parts
from folkmoot.flow.timetable import FlowTimetable
from folkmoot.flow.verify import verify
from folkmoot.ports.desk import Answer, Delta, Health, HeldBack, Question, Reloaded, Verified
from folkmoot.ports.eventdesk import EventDesk
from folkmoot.ports.intake import Submitted
from folkmoot.ports.store import Counts, Query
from folkmoot.ports.timetable import Timetable

_ENDS = frozenset({"run.succeeded", "run.failed", "run.cancelled", "run.refused"})
_PAGE = 1000
_SELDOM = 8
"""A waiter's looks into the store get rarer, up to so many times `poll_s`."""


class FlowDesk:
    """The desk of a running or an opened system."""

    def __init__(
        self,
        parts: Parts,
        intake: Intake,
        health: Callable[[], Awaitable[Health]],
        poll_s: float,
        reload: Callable[[str], Awaitable[Reloaded]],
    ) -> None:
        """`poll_s`: how often a follower looks for what no hint told."""
        self._reload = reload
        self._parts = parts
        self._intake = intake
        self._health = health
        self._poll_s = poll_s
        self.timetable: Timetable = FlowTimetable(
            parts.store, parts.clock, parts.calendar, parts.catalog.get, intake.submit
        )
        self._news = News(parts.broker)
        self.events: EventDesk = FlowEventDesk(parts.store, parts.clock, parts.broker)

    async def submit(self, task: Task) -> Submitted:
        """Make a run of a task."""
        heard = self._news.in_force
        made = await self._intake.submit(task)
        if heard and made.new:
            self._news.born(made.run.id)
        return made

    async def run(self, run: str) -> Run:
        """Return a run."""
        found = await self._parts.store.run(run)
        if found is None:
            raise RunUnknown(f"There is no run {run!r}.")
        return found

    async def runs(self, query: Query) -> list[Run]:
        """List runs, newest first."""
        return await self._parts.store.runs(query)

    async def journal(self, run: str, after: int = 0, limit: int = _PAGE) -> list[Entry]:
        """Return a run's entries after a number."""
        found = await self._parts.store.entries(run, after, limit)
        if not found:
            await self.run(run)
        return found

    async def follow(self, run: str, after: int = 0) -> AsyncIterator[Entry | Delta]:
        """Yield entries as they come; the store is read, events are only the reason to read."""
        await self.run(run)
        async with self._parts.broker.listen(f"run.{run}.*") as events:
            while True:
                found = await self._parts.store.entries(run, after, _PAGE)
                for entry in found:
                    after = entry.seq
                    yield entry
                    if await self._over(run, entry):
                        return
                if not found and await self._passed(run, after):
                    return
                async for delta in self._hints(run, events):
                    yield delta

    async def _over(self, run: str, entry: Entry) -> bool:
        """Whether nothing comes after an entry, as things stand."""
        if entry.kind not in _ENDS:
            return False
        now = await self.run(run)
        return now.state.final and now.head == entry.seq

    async def _passed(self, run: str, after: int) -> bool:
        """Whether a run has ended and nothing of it comes after a number, which may never have been."""
        now = await self.run(run)
        return now.state.final and now.head <= after

    async def _hints(self, run: str, events: AsyncIterator[Event]) -> AsyncIterator[Delta]:
        """Pass deltas on until there is a reason to read the store."""
        while True:
            try:
                event = await asyncio.wait_for(anext(events), self._poll_s)
            except (TimeoutError, StopAsyncIteration):
                return
            if not event.topic.endswith(".delta"):
                return
            yield Delta(run, msgspec.json.decode(event.body)["text"])

    async def finished(self, run: str, timeout_s: float | None = None) -> Run:
        """Wait until a run is final or waits for somebody, and return it as it is then.

        Raises RunUnknown, and TimeoutError after `timeout_s`.
        """
        if timeout_s is None:
            return await self._finished(run)
        async with asyncio.timeout(timeout_s):
            return await self._finished(run)

    async def _finished(self, run: str) -> Run:
        endings = self._parts.endings
        while endings.is_open(run):
            ended = await endings.wait(run, self._poll_s)
            if ended is None:  # it may have gone to another worker
                break
            if ended.state.final:
                return ended
        pause = self._poll_s
        async with self._news.of(run) as ear:
            if ear.nothing_yet:
                await ear.hear(pause)
            while True:
                found = await self.run(run)
                if found.state.final or found.state is RunState.WAITING:
                    return found
                await ear.hear(pause)
                pause = min(2 * pause, _SELDOM * self._poll_s)

    async def tell(self, run: str, signal: signals.AnySignal, key: str = "") -> bool:
        """Say something to a run."""
        found = await self.run(run)
        await self._allowed(found, signal)
        now = self._parts.clock.now()
        change = Signal(
            run=run,
            id=signals.name(signal, key)
            if key
            else ids.make("sig", now, self._parts.clock.entropy(8)),
            kind=signals.kind(signal),
            body=msgspec.json.encode(signal),
            at=now,
        )
        changes: list[Change] = [change]
        if isinstance(signal, signals.Cancel) and found.ready_at:
            changes.append(Hasten(run=run, until=found.ready_at))  # it ends now, not when it is due
        new = bool((await self._parts.store.write(*changes))[0])
        self._parts.endings.spoken_to(run)
        await self._parts.broker.publish(Event(f"run.{run}.signal"))
        await self._parts.broker.put(QUEUE, run, found.priority)
        return new

    async def _allowed(self, run: Run, signal: signals.AnySignal) -> None:
        """Refuse what would mean nothing, so that the person hears of it."""
        if isinstance(signal, signals.Vote):
            view = await self._view(run.id)
            approval = view.approvals.get(signal.approval)
            if approval is None:
                raise WrongState(
                    f"Run {run.id} does not wait for approval {signal.approval!r}.",
                    kept="The run as it is.",
                    todo="See `folkmoot questions` for what is waited for.",
                )
            if approval.by and signal.by not in approval.by:
                raise Denied(
                    f"{signal.by or 'Somebody without a name'} may not decide this; only {', '.join(approval.by)}.",
                    kept="The question stays open.",
                )

    async def _view(self, run: str) -> View:
        view, after = View(run), 0
        while part := await self._parts.store.entries(run, after, _PAGE):
            for entry in part:
                apply(view, entry)
            after = part[-1].seq
        return view

    async def answer(self, run: str, message: str, wait_s: float = 0.0) -> Answer | None:
        """Return the answer to a conversation's message; None when it has none after `wait_s`."""
        found, end = await answers.find(self._parts.store, run, message)
        if found is not None or wait_s <= 0:
            return found
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                async for item in self.follow(run, end):
                    given = answers.of(item, message) if isinstance(item, Entry) else None
                    if given is not None:
                        return given
        return (await answers.find(self._parts.store, run, message))[0]

    async def questions(self, run: str = "") -> list[Question]:
        """Return the approvals that are waited for."""
        if run:
            return await self._questions_of(await self.run(run))
        found: list[Question] = []
        before = ""
        query = Query(states=(RunState.WAITING, RunState.RUNNING), limit=_PAGE)
        while part := await self._parts.store.runs(msgspec.structs.replace(query, before=before)):
            for one in part:
                try:
                    found += await self._questions_of(one)
                except JournalBroken as fault:  # the others can be answered all the same
                    self._parts.report("journal_broken", one.id, fault)
            before = part[-1].id
        return found

    async def _questions_of(self, run: Run) -> list[Question]:
        if run.state.final or (run.state is RunState.WAITING and run.waits_for != "approval"):
            return []
        view = await self._view(run.id)
        found = []
        for approval in view.approvals.values():
            pending = view.pending.get(approval.call)
            found.append(
                Question(
                    run=run.id,
                    agent=run.agent,
                    approval=approval.id,
                    act=approval.act,
                    reason=approval.reason,
                    policy=approval.policy,
                    args=pending.call.args if pending else {},
                    digest=approval.digest,
                    needs=approval.needs,
                    by=approval.by,
                    yes=approval.yes,
                    expires_at=approval.expires_at,
                )
            )
        return found

    def agents(self) -> list[Agent]:
        """Return the agents that are declared here."""
        catalog = self._parts.catalog
        found = []
        for name in catalog.names():
            try:
                found.append(catalog.get(name))
            except AgentUnknown:  # taken away between the two reads
                continue
        return found

    async def reload(self, agent: str = "") -> Reloaded:
        """Read the agents' sources again now."""
        return await self._reload(agent)

    async def held_back(self) -> list[HeldBack]:
        """Return the agents that failed lately."""
        found = [(x.key, lane.read(x.body)) for x in await self._parts.store.records(lane.KIND)]
        return [
            HeldBack(agent=agent, failures=b.failures, trips=b.trips, until=b.until)
            for agent, b in ((agent, one.breaker) for agent, one in found)
            if b.failures or b.trips
        ]

    async def clear(self, agent: str) -> bool:
        """Forget an agent's failures."""
        store, now = self._parts.store, self._parts.clock.now()
        record = await store.record(lane.KIND, agent)
        cleared = bool((await store.write(DropRecord(kind=lane.KIND, key=agent)))[0])
        if record is not None and (until := lane.reopens(lane.read(record.body), now)):
            await self._hasten(agent, until)
        return cleared

    async def _hasten(self, agent: str, until: int) -> None:
        """Make due what was put off until then, and have it announced."""
        store, before = self._parts.store, ""
        queued = (RunState.QUEUED,)
        while page := await store.runs(
            Query(agent=agent, states=queued, before=before, limit=_PAGE)
        ):
            before = page[-1].id
            if late := [Hasten(run=run.id, until=until) for run in page if run.ready_at == until]:
                await store.write(*late)
        await self._parts.broker.publish(Event(QUEUE_FILLED))

    async def counts(self) -> Counts:
        """Count runs, workers and the outbox."""
        return await self._parts.store.counts()

    async def verify(self, run: str = "") -> Verified:
        """Recompute the chains."""
        if run:
            await self.run(run)
        return await verify(self._parts.store, run)

    async def health(self) -> Health:
        """Probe every part now."""
        return await self._health()
