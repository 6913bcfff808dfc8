"""A system over the desk in memory, and a `folkmoot` to call."""

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from folkmoot.app import App
from folkmoot.cli.main import main
from folkmoot.clocks.system import SystemClock
from folkmoot.core import entries as e
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.messages import ToolCall
from folkmoot.core.spend import Usage
from folkmoot.ports.desk import Part
from folkmoot.testing.desk import MemoryDesk

READER = Agent(
    name="reader",
    instructions="Read.",
    model=ModelChoice(provider="scripted", name="m"),
    description="Reads.",
)


class Desk(MemoryDesk):
    """A desk whose runs are worked on, when `work` is set: it is called with the run's id."""

    def __init__(self) -> None:
        super().__init__([READER])
        self.workers = 1
        self.work: Callable[[str], Any] | None = None
        self.working = False

    def declare(self, agents):
        self._agents.update({agent.name: agent for agent in agents})

    async def submit(self, task):
        submitted = await super().submit(task)
        if self.working and self.work is not None and submitted.new:
            self._task = asyncio.create_task(self._worked(submitted.run.id))
        return submitted

    async def _worked(self, run: str) -> None:
        while not self.following:  # noqa: ASYNC110 - a turn of the loop; deltas want a listener
            await asyncio.sleep(0)
        await self.work(run)

    async def counts(self):
        counts = await super().counts()
        return type(counts)(states=counts.states, workers=self.workers, outbox=0)


class System:
    """What session.System asks for, over a Desk; agents and their files are the real thing."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.http_port = 4711
        self.clock = SystemClock()
        self.calls = []
        self.parts = [Part(name="store", ok=True, detail="opens")]

    def settle(self, settings) -> None:
        """Take the settings of a command, and read its agents as the real system does."""
        real = App(settings, [READER])
        self.settings, self.catalog = settings, real.catalog
        self.models, self.toolbox, self.programs = real.models, real.toolbox, real.programs

    def agents(self):
        return [self.catalog.get(name) for name in self.catalog.names()]

    @asynccontextmanager
    async def opened(self):
        self.calls.append("opened")
        self.desk.declare(self.agents())
        yield self.desk
        self.calls.append("closed")

    @asynccontextmanager
    async def running(self, roles=("coordinator", "worker")):
        self.calls.append(f"running {', '.join(sorted(roles))}")
        self.desk.declare(self.agents())
        self.desk.working = True
        try:
            yield self.desk
        finally:
            self.desk.working = False
            self.calls.append("closed")

    async def join(self):
        """Nobody assigns here."""

    async def drain(self, grace):
        self.calls.append(f"drain {grace:g}")

    async def doctor(self, *, deep=False):
        return self.parts


class Said(NamedTuple):
    """What a command said: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[Any]:
        """stdout as JSON lines; fails when anything else stands there."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        """stdout as exactly one JSON document."""
        [only] = self.documents
        return only


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """A folder of its own, and none of this machine's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("STORE", "AGENTS", "PLUGINS", "PORT", "HOST"):
        monkeypatch.delenv(f"FOLKMOOT_{name}", raising=False)


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def system(desk):
    return System(desk)


@pytest.fixture
def folkmoot(system, capsys):
    """Call a command: `folkmoot("runs", "--json")`."""

    def compose(settings):
        system.settle(settings)
        return system

    def call(*argv: str) -> Said:
        capsys.readouterr()
        code = main(argv, compose)
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return call


@pytest.fixture
def started(desk):
    """Make a run, and write these entries into its journal; return its id."""

    def make(*bodies: Any, text: str = "Read the folder.") -> str:
        from folkmoot.core.task import Task  # noqa: PLC0415 - beside its only use

        run = asyncio.run(desk.submit(Task(agent="reader", input=text))).run.id
        for body in bodies:
            desk.write(run, body)
        return run

    return make


ASKED = e.StepAsked(
    call="c1",
    act="tool shell",
    approval="ap1",
    digest="00",
    policy="approval",
    reason="It sends something.",
)


@pytest.fixture
def waits(started):
    """A run that waits for approval ap1 of a shell call."""
    reply = e.ModelReplied(
        call="1", model="scripted:m", calls=(ToolCall("c1", "shell", {"command": "ls -l"}),)
    )
    return started(e.ModelCalled(call="1", model="scripted:m"), reply, ASKED)


@pytest.fixture
def replied():
    """A model's reply, with its price and time."""
    return e.ModelReplied(
        call="1", model="scripted:m", text="All is well.", usage=Usage(10, 5), nanos=1500, ms=12
    )
