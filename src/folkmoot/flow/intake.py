"""Intake: a task becomes a run, in one transaction with the trigger's key.

The task is acknowledged when `submit` returns: by then it survives a crash. The announcement in the
broker comes after the commit and may be lost; the relay repeats it. The same key again is the same run.
"""

from folkmoot.core import entries, events, ids
from folkmoot.core.agent import Agent
from folkmoot.core.changes import Born, Change, CreateRun, PutBlob
from folkmoot.core.errors import Conflict, QueueFull, TaskInvalid
from folkmoot.core.events import Event
from folkmoot.core.messages import whole
from folkmoot.core.run import Run, RunState
from folkmoot.core.task import DISCOVERY, PRIORITIES, Task
from folkmoot.core.urgency import AGAIN_MS, FIRST_TRUST_MS
from folkmoot.flow import conversations
from folkmoot.flow.births import Births
from folkmoot.flow.conversations import Conversations
from folkmoot.flow.kit import Kits
from folkmoot.flow.parts import Parts
from folkmoot.ports.intake import Beside, Submitted

QUEUE = "runs"
_MAX_INPUT = 10_000_000
_MAX_NAME = 200
_RECOUNT_S = 1.0
_LOOK_S = 0.02
_HINT_S = 0.05


def _nothing(_: Run) -> tuple[Change, ...]:
    return ()


class Intake:
    """Takes tasks."""

    def __init__(self, parts: Parts, kits: Kits, births: Births | None = None) -> None:
        """`births`: a worker of this process takes from it.

        Runs are announced here and now when somebody hears it: that worker, or through a broker
        between processes any other. Else the relay of a worker finds them in the store.
        """
        self._parts = parts
        self._kits = kits
        self._births = births
        self._shared = "shared" in parts.broker.capabilities
        self._announces = births is not None or self._shared
        self._queued = 0
        self._counted_at = self._looked_at = self._hinted_at = float("-inf")
        self._line = 0
        self._digests: dict[str, tuple[Agent, str]] = {}
        self._talks = Conversations(parts)

    async def submit(self, task: Task, beside: Beside = _nothing) -> Submitted:
        """Make a run, and what stands `beside` it in the same set.

        Raises AgentUnknown, TaskInvalid, KeyReused, QueueFull, and what refuses the set.
        """
        agent = self._parts.catalog.get(task.agent)
        self._check(task)
        await self._room()
        await self._look_at_the_line()
        digest = self._digest(agent)
        self._kits.make(agent, digest)
        if task.conversation:
            if beside is not _nothing:
                raise TaskInvalid("Nothing can stand beside a message.", kept="Nothing.")
            return await self._say(task, agent, digest)
        body = entries.Created(task=task, definition=digest)
        change = self._birth(task, agent, body)
        parts = (change, *self._definition(agent, digest), *beside(change.run))
        if beside is _nothing and await self._adopted(change, parts):
            self._kits.mark_stored(digest)
            return Submitted(change.run, new=True)
        outcome = await self._born(parts)
        if not outcome.new:
            known = await self._parts.store.run(outcome.run)
            return Submitted(known or change.run, new=False)
        self._kits.mark_stored(digest)
        self._queued += 1
        self._tell(change, body)
        if self._births is not None:
            self._births.add(change)
            if not self._shared:  # else any worker may take it
                self._parts.endings.begin(change.run.id)
        if change.announced_at:
            await self._parts.broker.put(QUEUE, change.run.id, task.priority)
        elif self._announces and not change.run.ready_at:
            await self._hint()
        return Submitted(change.run, new=True)

    async def _hint(self) -> None:
        """Tell the relay, now and then, that runs wait in the store for room in the line."""
        now = self._parts.clock.monotonic()
        if now - self._hinted_at > _HINT_S:
            self._hinted_at = now
            await self._parts.broker.publish(Event(events.QUEUE_FILLED))

    async def _born(self, parts: tuple[Change, ...]) -> Born:
        """Write a birth. A worker that was stopped while it adopted the run may have written it after all."""
        change = parts[0]
        assert isinstance(change, CreateRun)
        try:
            outcome = (await self._parts.store.write(*parts))[0]
        except Conflict:
            there = await self._parts.store.entries(change.run.id, 0, 1)
            if there != list(change.entries):
                raise
            return Born(change.run.id, new=True)
        assert isinstance(outcome, Born)
        return outcome

    async def _adopted(self, change: CreateRun, parts: tuple[Change, ...]) -> bool:
        """Whether a free hand of this process took the run: then it is written, with its first step.

        Not for a task with a key, which may be a run already, nor for one that its lane or its time may
        hold back.
        """
        run = change.run
        if self._births is None or change.key or run.ready_at or run.limit or run.spacing:
            return False
        adopted = self._births.adopt(change, parts)
        if adopted is None:
            return False
        self._parts.endings.expect(run.id)
        if not await adopted:
            self._parts.endings.drop(run.id)
            return False
        if change.announced_at:
            self._line -= 1
        return True

    async def _say(self, task: Task, agent: Agent, digest: str) -> Submitted:
        """Give a conversation a message; its run is made with the first one."""
        opening = conversations.opening(task)
        body = entries.Created(task=opening, definition=digest)
        birth = self._birth(opening, agent, body)
        talks, definition = self._talks, self._definition(agent, digest)
        submitted = await talks.submit(task, birth, definition, digest)
        self._kits.mark_stored(digest)
        run = submitted.run
        if run.id == birth.run.id:
            self._tell(birth, body)
            announce = bool(birth.announced_at)
        else:  # whatever it does, it may rest before it hears; what nobody had yet was announced
            announce = run.fence > 0 and self._may_announce(run)
        if announce:
            await self._parts.broker.put(QUEUE, run.id, run.priority)
        return submitted

    def _tell(self, change: CreateRun, body: entries.Created) -> None:
        for observe in self._parts.audience.of(entries.Created):
            observe(change.run, change.entries[0], body)

    def _digest(self, agent: Agent) -> str:
        known = self._digests.get(agent.name)
        if known is None or known[0] is not agent:
            known = self._digests[agent.name] = (agent, agent.digest())
        return known[1]

    def _definition(self, agent: Agent, digest: str) -> tuple[Change, ...]:
        """Keep the definition in the store, once for each process."""
        if self._kits.stored(digest):
            return ()
        return (PutBlob(digest=digest, data=agent.canonical()),)

    def _check(self, task: Task) -> None:
        if task.priority not in PRIORITIES:
            known = ", ".join(PRIORITIES)
            raise TaskInvalid(f"{task.priority!r} is not a priority: {known}.", kept="Nothing.")
        if task.input != whole(task.input):
            raise TaskInvalid(
                "The input holds half a character (a lone surrogate).", kept="Nothing."
            )
        if len(task.input) > _MAX_INPUT:
            raise TaskInvalid(f"The input is longer than {_MAX_INPUT} characters.", kept="Nothing.")
        self._check_conversation(task)
        if task.reply_to is not None and task.reply_to.gateway not in self._parts.gateways:
            known = ", ".join(sorted(self._parts.gateways)) or "none"
            raise TaskInvalid(
                f"There is no gateway {task.reply_to.gateway!r} to reply through: {known}.",
                kept="Nothing.",
            )

    def _check_conversation(self, task: Task) -> None:
        if not task.conversation:
            return
        if self._parts.catalog.get(task.agent).mode != "continuous":
            raise TaskInvalid(
                f"Agent {task.agent} holds no conversations.",
                kept="Nothing.",
                todo="Submit the task without a conversation, or write `mode: continuous` in the agent file.",
            )
        if task.not_before:
            raise TaskInvalid("A message cannot be sent for later.", kept="Nothing.")
        if len(task.conversation) > _MAX_NAME or task.conversation != whole(task.conversation):
            raise TaskInvalid(
                f"A conversation's name is text of at most {_MAX_NAME} characters.", kept="Nothing."
            )

    async def _look_at_the_line(self) -> None:
        """Count who stands in the broker's line, when by our estimate it may soon be full; not too often."""
        if not self._announces or self._line < self._parts.window // 2:
            return
        now = self._parts.clock.monotonic()
        if now - self._looked_at > _LOOK_S:
            self._looked_at = now
            queued = (await self._parts.store.counts()).states.get(RunState.QUEUED, 0)
            self._line = self._queued = queued

    async def _room(self) -> None:
        """Refuse when too much is queued; counted once a second and estimated between."""
        now = self._parts.clock.monotonic()
        if now - self._counted_at > _RECOUNT_S:
            self._counted_at = now
            counts = await self._parts.store.counts()
            self._queued = self._line = counts.states.get(RunState.QUEUED, 0)
        if self._queued >= self._parts.queue_limit:
            raise QueueFull(
                f"{self._queued} runs are queued; the limit is {self._parts.queue_limit}.",
                kept="Nothing of this task.",
                retry_after=_RECOUNT_S,
            )

    def _birth(self, task: Task, agent: Agent, body: entries.Created) -> CreateRun:
        now = self._parts.clock.now()
        id_ = ids.make("run", now, self._parts.clock.entropy(8))
        created = entries.write(entries.Head(), id_, now, body)
        run = Run(
            id=id_,
            agent=task.agent,
            definition=body.definition,
            priority=task.priority,
            source=task.source,
            created_at=now,
            updated_at=now,
            deadline=task.deadline,
            labels=task.labels,
            tenant=task.labels.get("tenant", ""),
            limit=agent.queue.concurrency,
            spacing=_spacing(task, agent),
            guarded=agent.queue.breaker and not task.force,
            ready_at=task.not_before if task.not_before > now else 0,
            head=1,
            head_hash=created.hash.hex(),
        )
        return CreateRun(
            run=run,
            entries=(created,),
            key=task.key,
            fingerprint=task.fingerprint() if task.key else "",
            announced_at=now + FIRST_TRUST_MS - AGAIN_MS if self._may_announce(run) else 0,
        )

    def _may_announce(self, run: Run) -> bool:
        """Whether a new run is announced at once: where the line is short its order is fair anyway."""
        if not self._announces or run.ready_at or self._line >= self._parts.window:
            return False
        self._line += 1
        return True


def _spacing(task: Task, agent: Agent) -> int:
    """Return the least time (ms) between the start of this run and that of the one before."""
    if task.force:
        return 0
    use = agent.queue
    seconds = max(use.interval_s, use.discovery_s) if task.kind == DISCOVERY else use.interval_s
    return round(seconds * 1000)
