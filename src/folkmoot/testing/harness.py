"""The harness: the whole machine in one test, with what the test brings and honest fakes for the rest.

    async with Harness(agent, tools=[...]) as moot:
        run = await moot.ask("What is the weather?")
        assert run.state == "succeeded"

It is the composition root of tests: MemoryStore, LocalBroker, the standard policies, and a model that is
a function of the request. Nothing is patched; every part is the one that users run.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from folkmoot.brokers.local import LocalBroker
from folkmoot.brokers.localexchange import LocalExchange
from folkmoot.calendars.calendar import SlotCalendar
from folkmoot.core.agent import Agent, ModelChoice, SandboxUse
from folkmoot.core.changes import Beat, Rescue
from folkmoot.core.entries import Body, Entry
from folkmoot.core.errors import AgentUnknown
from folkmoot.core.run import Run
from folkmoot.core.spend import Price
from folkmoot.core.task import Task
from folkmoot.flow.births import Births
from folkmoot.flow.desk import FlowDesk
from folkmoot.flow.dispatcher import Dispatcher
from folkmoot.flow.intake import QUEUE, Intake
from folkmoot.flow.kit import Kits
from folkmoot.flow.parts import Parts
from folkmoot.policies.order import standard
from folkmoot.ports.broker import Broker
from folkmoot.ports.clock import Clock
from folkmoot.ports.desk import Health, Reloaded
from folkmoot.ports.exchange import Exchange
from folkmoot.ports.gateway import Gateway
from folkmoot.ports.model import Answer, Delta, Request
from folkmoot.ports.policy import Policy
from folkmoot.ports.program import Program
from folkmoot.ports.sandbox import Sandbox
from folkmoot.ports.store import Store
from folkmoot.ports.tool import Tool
from folkmoot.programs import builtin
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.tools.arguments import check

Replies = Callable[[Request], Answer | Awaitable[Answer]]


class _Asked:
    """A model that is a function."""

    def __init__(self, reply: Replies) -> None:
        self._reply = reply

    async def call(self, request: Request, delta: Delta | None = None) -> Answer:
        answer = self._reply(request)
        if isinstance(answer, Awaitable):
            answer = await answer
        if delta is not None and answer.text:
            delta(answer.text)
        return answer

    async def close(self) -> None:
        """Nothing is open."""


class _Declared:
    def __init__(self, agents: Sequence[Agent]) -> None:
        self._agents = {agent.name: agent for agent in agents}

    def get(self, name: str) -> Agent:
        if name not in self._agents:
            raise AgentUnknown(f"There is no agent {name!r}.")
        return self._agents[name]

    def names(self) -> list[str]:
        return sorted(self._agents)

    def add(self, agent: Agent) -> None:
        self._agents[agent.name] = agent


def agent(name: str = "tester", **fields: Any) -> Agent:
    """Return an agent for tests; its model is the test's function."""
    given: dict[str, Any] = {
        "instructions": "You are tested.",
        "model": ModelChoice(provider="function", name="m", retries=2, timeout_s=5.0),
    }
    return Agent(name=name, **(given | fields))


class Harness:
    """One worker over a store, ready to be asked."""

    def __init__(
        self,
        *agents: Agent,
        replies: Replies | Mapping[str, Replies],
        tools: Sequence[Tool] = (),
        store: Store | None = None,
        clock: Clock | None = None,
        worker: str = "w1",
    ) -> None:
        """`replies` answers for every model, or by `provider:name`. Everything else may be set after."""
        self.clock: Clock = clock or FakeClock()
        self.store: Store = store or MemoryStore(self.clock)
        self.broker: Broker = LocalBroker()
        self.exchange: Exchange = LocalExchange()
        self.worker = worker
        self.entries: list[Body] = []
        self.reports: list[tuple[str, str, BaseException | None]] = []
        self.policies: list[Policy] = list(standard())
        self.programs: dict[str, Program] = builtin()
        self.gateways: dict[str, Gateway] = {}
        self.env: dict[str, str] = {}
        self.price: Price | None = Price()
        self.sandbox: Sandbox | None = None
        self.concurrency = 10
        self.workspaces = Path(tempfile.gettempdir()) / "folkmoot-harness"
        self._tools = {tool.spec.name: tool for tool in tools}
        self._replies = replies
        self._catalog = _Declared(agents)

    async def __aenter__(self) -> Self:
        """Open and start."""
        await self.store.open()
        await self.broker.open()
        await self.exchange.open()
        self.parts = self._parts()
        self.kits = Kits(self.parts)
        await self.store.write(Beat(worker=self.worker, ttl_ms=600_000))
        births = Births()
        self.dispatcher = Dispatcher(
            self.parts, self.kits, births, worker=self.worker, concurrency=self.concurrency
        )
        self.intake = Intake(self.parts, self.kits, births)
        self.desk = FlowDesk(self.parts, self.intake, self._health, 0.05, self._reload)
        await self.dispatcher.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; the store stays open for whoever brought it."""
        await self.dispatcher.stop()
        await self.exchange.close()
        await self.broker.close()

    def _parts(self) -> Parts:
        async def warm(_: ModelChoice) -> None:
            return None

        return Parts(
            store=self.store,
            broker=self.broker,
            clock=self.clock,
            calendar=SlotCalendar(),
            catalog=self._catalog,
            model=lambda choice: _Asked(self._for(choice)),
            warm=warm,
            tools=lambda agent: {use.name: self._tools[use.name] for use in agent.tools},
            programs=self.programs,
            policies=self.policies,
            sandbox=self._choose,
            price=lambda *_: self.price,
            mistakes=check,
            workspaces=self.workspaces,
            observers=[lambda _run, _entry, body: self.entries.append(body)],
            gateways=self.gateways,
            env=self.env,
            exchange=self.exchange,
            report=lambda *told: self.reports.append(told),
        )

    def _for(self, choice: ModelChoice) -> Replies:
        return self._replies[str(choice)] if isinstance(self._replies, Mapping) else self._replies

    def _choose(self, _: SandboxUse) -> Sandbox | None:
        return self.sandbox

    async def _reload(self, _: str) -> Reloaded:
        return Reloaded(agents=tuple(self._catalog.names()))

    async def _health(self) -> Health:
        return Health(ready=True, parts=())

    def declare(self, agent: Agent) -> None:
        """Declare an agent, or declare it anew."""
        self._catalog.add(agent)

    def task(self, text: str, agent: str = "tester", **fields: Any) -> Task:
        """Return a task."""
        return Task(agent=agent, input=text, **fields)

    async def submit(self, text: str, agent: str = "tester", **fields: Any) -> Run:
        """Submit a task; return its run as it is then."""
        return (await self.desk.submit(self.task(text, agent, **fields))).run

    async def ask(self, text: str, agent: str = "tester", **fields: Any) -> Run:
        """Submit a task and wait until its run is final or waits."""
        return await self.settled((await self.submit(text, agent, **fields)).id)

    async def settled(self, run: str) -> Run:
        """Wait until a run is final or waits for somebody."""
        return await self.desk.finished(run)

    async def rescue(self) -> tuple[str, ...]:
        """Do what upkeep does: requeue what is lost or due, and announce it."""
        found = (await self.store.write(Rescue(now=self.clock.now())))[0]
        assert isinstance(found, tuple)
        due = await self.store.ready(self.clock.now(), 100, self.clock.now() + 1)
        for run in {*found, *(one.id for one in due)}:
            await self.broker.put(QUEUE, run)
        return found

    async def journal(self, run: str) -> list[Body]:
        """Return what a run's journal says."""
        return [entry.read() for entry in await self.raw(run)]

    async def raw(self, run: str) -> list[Entry]:
        """Return a run's entries."""
        return await self.store.entries(run, 0, 100_000)

    async def kinds(self, run: str) -> list[str]:
        """Return the kinds of a run's entries, in order."""
        return [entry.kind for entry in await self.raw(run)]

    async def until(self, happened: Callable[[], bool]) -> None:
        """Let the machine work until something has happened."""
        while not happened():  # noqa: ASYNC110 - what happens is in the machine, not an event of ours
            await asyncio.sleep(0)
