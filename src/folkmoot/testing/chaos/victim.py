"""The victim: a worker that is killed when a given entry is written, or lives to the end.

It is the system that users run, put together by App; only the store looks what is written (and kills),
and the calls are witnessed. An entry is named by what it is (its kind and its call), not by its number
or time: which results share a transaction differs from run to run. The task carries an idempotency key, so that every worker submits the same run.
With a continuous agent each line of the task is a message of one conversation, with a key of its own.
"""

import asyncio
import os
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec

from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core import changes as c
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.changes import Change, Outcome
from folkmoot.core.entries import Entry
from folkmoot.core.errors import WrongState
from folkmoot.core.run import Run, RunState
from folkmoot.core.signals import Say, Vote
from folkmoot.core.task import Task
from folkmoot.flow.desk import FlowDesk
from folkmoot.flow.parts import Parts
from folkmoot.ports.model import Model
from folkmoot.stores.sqlite.store import SqliteStore
from folkmoot.testing.chaos.replay import OFFLINE, Recorded
from folkmoot.testing.chaos.witness import WatchedModel, WatchedTool, Witness

_LEASE_S = 0.4


@dataclass(frozen=True)
class Case:
    """One worker's life. `kill` names an entry; it dies just before that is written, or just `after`."""

    agent: bytes
    task: str
    folder: Path
    replies: Path
    plugins: tuple[Path, ...]
    kill: str
    after: bool
    timeout_s: float

    @property
    def workspace(self) -> Path:
        """Where the agent works."""
        return self.folder / "workspace"

    def definition(self) -> Agent:
        """Return the agent, at work in this case's folder."""
        agent = msgspec.json.decode(self.agent, type=Agent)
        return msgspec.structs.replace(agent, workspace=str(self.workspace))


class End(msgspec.Struct, frozen=True):
    """How a worker that lived saw the run end, and the names of the entries it wrote, in order."""

    run: str
    state: str
    output: str
    error: str
    names: tuple[str, ...]


class KillingStore(SqliteStore):
    """Names the entries that are written; at the fatal one, kills its own process."""

    def __init__(self, path: Path, kill: str, *, after: bool) -> None:
        """`kill` "" only names."""
        super().__init__(path)
        self._kill = kill
        self._after = after
        self._times: Counter[str] = Counter()
        self.names: list[str] = []

    async def write(self, *changes: Change) -> tuple[Outcome, ...]:
        """Write, or die before or after it."""
        names = [name for change in changes for name in self._named(change)]
        self.names += names
        fatal = self._kill in names
        if fatal and not self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        outcomes = await super().write(*changes)
        if fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return outcomes

    def _named(self, change: Change) -> list[str]:
        """Return the names of what a change writes into a journal, of claims and of signals."""
        if isinstance(change, c.Claim):
            return [self._numbered("claim")]
        if isinstance(change, c.Signal):
            return [self._numbered(f"signal {change.kind}")]
        if not isinstance(change, c.CreateRun | c.Append):
            return []
        return [self._numbered(_what(entry)) for entry in change.entries]

    def _numbered(self, what: str) -> str:
        self._times[what] += 1
        return f"{what} ({self._times[what]})"


def _what(entry: Entry) -> str:
    """Name an entry by its kind, and by the call that it is about."""
    body = entry.read()
    about = getattr(body, "call", "") or getattr(body, "approval", "")
    return f"{entry.kind} {about}".strip()


class WatchedApp(App):
    """The system, its calls witnessed."""

    def __init__(self, case: Case, store: KillingStore) -> None:
        """Put it together for one agent."""
        given = load(
            store="memory://",
            agents=case.folder / "agents",
            workspaces=case.folder,
            plugins=case.plugins,
            concurrency=4,
            heartbeat_s=_LEASE_S / 4,
            lease_s=_LEASE_S,
            poll_s=0.1,
            grace_s=5.0,
            log_level="error",
        )
        self._witness = Witness(case.folder / "witness.jsonl")
        self._case = case
        super().__init__(given, [case.definition()], store=store)

    def parts(self) -> Parts:
        """Return the parts, tools and models watched."""
        parts = super().parts()
        bind = parts.tools
        parts.tools = lambda agent: {
            name: WatchedTool(tool, self._witness) for name, tool in bind(agent).items()
        }
        parts.model = self._model
        return parts

    def _model(self, choice: ModelChoice) -> Model:
        model = self.models.get(choice)
        if choice.provider not in OFFLINE:
            model = Recorded(model, self._case.replies, self._case.workspace)
        return WatchedModel(model, choice, self._witness)


def live(case: Case) -> None:
    """Be a worker: submit the task, work until it has ended, write down how. The process's whole life."""
    store = KillingStore(case.folder / "folkmoot.db", case.kill, after=case.after)
    end = asyncio.run(_work(case, store))
    end = msgspec.structs.replace(end, names=tuple(store.names))
    (case.folder / "end.json").write_bytes(msgspec.json.encode(end))


async def _work(case: Case, store: KillingStore) -> End:
    async with WatchedApp(case, store).running() as desk:
        if case.definition().mode == "continuous":
            return await _talk(case, desk)
        task = Task(agent=case.definition().name, input=case.task, source="chaos", key="chaos")
        run = (await desk.submit(task)).run
        async with asyncio.timeout(case.timeout_s):
            while not run.state.final:
                run = await desk.finished(run.id)
                if run.state is RunState.WAITING:
                    await _answer(desk, run)
                    await asyncio.sleep(0.02)
        return End(run.id, str(run.state), run.output, run.error, ())


async def _talk(case: Case, desk: FlowDesk) -> End:
    """Say everything at once, and wait for the answers; together they are the output."""
    name, said = case.definition().name, []
    for number, text in enumerate(case.task.splitlines(), 1):
        key = f"chaos-{number}"
        task = Task(agent=name, input=text, source="chaos", key=key, conversation="chaos")
        said.append(await desk.submit(task))
    answers = []
    async with asyncio.timeout(case.timeout_s):
        for one in said:
            while (answer := await desk.answer(one.run.id, one.message, 0.1)) is None:
                run = await desk.run(one.run.id)
                if run.waits_for == "approval":
                    await _answer(desk, run)
            answers.append(answer)
    error = next((answer.error for answer in answers if answer.error), "")
    output = "\n".join(answer.output for answer in answers)
    return End(said[0].run.id, "failed" if error else "succeeded", output, error, ())


async def _answer(desk: FlowDesk, run: Run) -> None:
    """Be the person that the run waits for. Keys make the answers harmless when they are repeated."""
    if run.waits_for == "message":
        await desk.tell(run.id, Say("Go on.", "chaos"), key=f"say-{run.head}")
    for question in await desk.questions(run.id):
        for by in question.by or tuple(f"chaos-{n}" for n in range(question.needs)):
            vote = Vote(question.approval, approve=True, by=by)
            await _vote(desk, run, vote)


async def _vote(desk: FlowDesk, run: Run, vote: Vote) -> None:
    try:
        await desk.tell(run.id, vote, key=f"vote-{vote.approval}-{vote.by}")
    except WrongState:  # decided in the meantime
        return
