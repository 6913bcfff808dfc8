"""The composition root: settings → adapters → flow and upkeep. The only place that knows them all.

Making an App starts nothing and opens nothing. `opened()` gives a desk over the store, for asking and
telling; `running()` adds what the process's roles are: a worker, a coordinator, the HTTP API. Leaving
either closes what it opened, in the reverse order: take no more, finish or hand over, close.
"""

import gc
import os
import socket
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from folkmoot.agents.keeper import Keeper
from folkmoot.agents.source import Source
from folkmoot.assignment import Member
from folkmoot.calendars.calendar import SlotCalendar
from folkmoot.checkup.agents import agents
from folkmoot.checkup.api import api
from folkmoot.checkup.deployment import Patient, deployment
from folkmoot.checkup.machine import machine
from folkmoot.clocks.agreed import AgreedClock
from folkmoot.clocks.system import SystemClock
from folkmoot.config import ALONE, Settings, load
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.errors import StoreFault
from folkmoot.core.rate import named
from folkmoot.flow.births import Births
from folkmoot.flow.desk import FlowDesk
from folkmoot.flow.dispatcher import Dispatcher
from folkmoot.flow.intake import Intake
from folkmoot.flow.kit import Kits
from folkmoot.flow.parts import Parts
from folkmoot.flow.upgrade import Foreseen, foresee
from folkmoot.models.prices import price_of
from folkmoot.models.registry import Models
from folkmoot.plugins import load as load_plugin
from folkmoot.policies.order import standard
from folkmoot.ports.clock import Clock
from folkmoot.ports.desk import Part, Reloaded
from folkmoot.ports.gateway import Gateway
from folkmoot.ports.observer import Observer
from folkmoot.ports.policy import Policy
from folkmoot.ports.program import Program
from folkmoot.ports.store import Store
from folkmoot.programs import builtin as programs
from folkmoot.reloading import agents_part, reloaded, reread
from folkmoot.rounds import Rounds
from folkmoot.sandboxes.registry import choose_or_explain
from folkmoot.tools.arguments import check
from folkmoot.tools.registry import builtin as tools
from folkmoot.upkeep.duty import Duty
from folkmoot.upkeep.health import More, Probe, Prober, probe
from folkmoot.wiring import (
    Page,
    broker_shown,
    loopback,
    make_broker,
    make_catalog,
    make_exchange,
    make_fleet,
    make_sources,
    make_store,
    mirrored,
    names_known,
    observe,
    report,
    tell,
)

if TYPE_CHECKING:
    from folkmoot.gateways.http.server import HttpServer


class App:
    """A system, put together."""

    def __init__(
        self,
        settings: Settings | None = None,
        agents: Sequence[Agent] = (),
        *,
        clock: Clock | None = None,
        env: Mapping[str, str] | None = None,
        store: Store | None = None,
    ) -> None:
        """`agents` are known beside those of the folder; `env` is where keys are looked up."""
        self.settings = settings or load()
        self.clock: Clock = clock or SystemClock()
        self.env: Mapping[str, str] = os.environ if env is None else env
        self.models = Models(self.env)
        self.toolbox = tools()
        self.programs: dict[str, Program] = programs()
        self.policies: list[Policy] = list(standard())
        self.observers: list[Observer] = []
        self.gateways: dict[str, Gateway] = {}
        self.store = store or make_store(self.settings, self.clock)
        if "clock" in self.store.capabilities:
            self.clock = AgreedClock(self.clock, self.store.now)
        self.broker = make_broker(self.settings)
        self.exchange = make_exchange(self.settings)
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"
        self._dispatcher: Dispatcher | None = None
        self._duties: list[tuple[Duty, float]] = []
        self.fleet = make_fleet(self.settings, self.store, self.clock, self.worker)
        self._more: dict[str, More] = {"fleet": self.fleet.parts}
        self._http: HttpServer | None = None
        self._servers: list[HttpServer] = []
        self._stopping = False
        for path in self.settings.plugins:
            load_plugin(Path(path), self)
        self.member = Member(self.settings, self.clock)
        self._known = names_known(self.models, self.toolbox, self.programs)
        self._coded = agents
        self.catalog = make_catalog(self.sources(self.settings), agents)

    @property
    def http_port(self) -> int:
        """The port of the HTTP API, once it runs; 0 before."""
        return self._http.port if self._http else 0

    def parts(self) -> Parts:
        """Return what the flow is made of."""
        return Parts(
            store=self.store,
            broker=self.broker,
            clock=self.clock,
            calendar=SlotCalendar(),
            catalog=self.catalog,
            model=self.models.get,
            warm=self._warm,
            tools=self.toolbox.bind,
            programs=self.programs,
            policies=self.policies,
            sandbox=choose_or_explain,
            price=price_of,
            mistakes=check,
            workspaces=self.settings.workspaces,
            observers=self.observers,
            gateways=self.gateways,
            env=self.env,
            queue_limit=self.settings.queue_limit,
            window=self.settings.window,
            rates=dict(map(named, self.settings.rates)),
            exchange=self.exchange,
            emits=self.settings.emits,
            report=report,
        )

    async def _warm(self, choice: ModelChoice) -> None:
        await self.models.warm(choice)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[FlowDesk]:
        """Open store and broker; no worker, no HTTP."""
        async with AsyncExitStack() as stack:
            await self._open(stack)
            parts = self.parts()
            yield self._desk(parts, Intake(parts, Kits(parts)))

    @asynccontextmanager
    async def running(self, roles: Collection[str] = ALONE) -> AsyncIterator[FlowDesk]:
        """Open, and start what the roles are (config.ROLES)."""
        self._stopping = False
        async with AsyncExitStack() as stack:
            await self._open(stack)
            stop = observe(self.settings, self.observers, self.store, self.clock, self.fleet)
            self._more["hotstate"] = stop.health
            stack.push_async_callback(stop.close)
            await stop.start()
            await self.keeper.start()
            stack.push_async_callback(self.keeper.stop)
            parts = self.parts()
            kits, births = Kits(parts), None
            if "worker" in roles:
                births = Births()
                self._dispatcher = Dispatcher(
                    parts, kits, births, worker=self.worker, concurrency=self.settings.concurrency
                )
            intake = Intake(parts, kits, births)
            rounds = Rounds(parts, self.settings, self.worker, intake, stop.event)
            await self._start(stack, rounds, roles)
            desk = self._desk(parts, intake)
            if "api" in roles or self.settings.metrics_port:
                await self._serve(stack, roles, desk, stop.metrics)
            yield desk

    async def _open(self, stack: AsyncExitStack) -> None:
        await self.store.open()
        stack.push_async_callback(self.store.close)
        if isinstance(self.clock, AgreedClock):
            await self.clock.look()
        stack.push_async_callback(self.models.close)
        await self.broker.open()
        stack.push_async_callback(self.broker.close)
        self.keeper = Keeper(
            self.catalog, self.clock, self.broker, self.worker, told=tell, report=report
        )
        await self.catalog.refresh()

    async def _start(self, stack: AsyncExitStack, rounds: Rounds, roles: Collection[str]) -> None:
        """Start in order: a heartbeat before the first claim; hints and rescues last."""
        duties = self._duties = rounds.duties(roles, self._dispatcher)
        if rounds.leader is not None:
            await rounds.leader.once()
            stack.push_async_callback(rounds.leader.resign)
        if self._dispatcher is not None:
            await rounds.heartbeat.once()
            await self._dispatcher.start()
        if rounds.inbox is not None:
            await self.exchange.open()
            stack.push_async_callback(self.exchange.close)
            await rounds.inbox.start()
            stack.push_async_callback(rounds.inbox.stop)
        for nudger in rounds.nudgers:
            await nudger.start()
            stack.push_async_callback(nudger.stop)
        for duty, _ in duties:
            await duty.start()
        # Left in the reverse order: the dispatcher hands over while the heart still beats.
        for duty, _ in duties:
            stack.push_async_callback(duty.stop)
        stack.push_async_callback(self.drain, self.settings.grace_s)

    async def _serve(
        self, stack: AsyncExitStack, roles: Collection[str], desk: FlowDesk, metrics: Page
    ) -> None:
        from folkmoot.gateways.http import server  # noqa: PLC0415 - FastAPI is only for those who serve

        given, servers = self.settings, self._servers
        servers.clear()
        if "api" in roles:
            self._http = server.make(desk, given, metrics)
            servers.append(self._http)
        if given.metrics_port:
            servers.append(server.make_health(desk, given, given.metrics_port, metrics))
        for each in servers:
            await each.start()
            stack.push_async_callback(each.stop)

    def _desk(self, parts: Parts, intake: Intake) -> FlowDesk:
        probes: dict[str, Probe] = {"store": self._probe_store, "broker": self._probe_broker}
        notes = [lambda: [agents_part(self.catalog)], self.member.part, self._stops]
        prober = Prober(probes, self._duties, self._load, notes, self._more)
        return FlowDesk(parts, intake, prober.health, self.settings.poll_s, self.read_agents)

    def _stops(self) -> list[Part]:
        """Whoever sends work must send it elsewhere from the first signal on, not from the last moment."""
        if not self._stopping:
            return []
        return [Part(name="stopping", ok=False, detail="this process was told to stop")]

    def _load(self) -> tuple[int, int]:
        if self._dispatcher is None:
            return 0, 0
        return self._dispatcher.active, self._dispatcher.concurrency

    async def _probe_store(self) -> str:
        """A write, and a read: a disk may give what it does not take."""
        await self.store.write(probe(self.worker))
        counts = await self.store.counts()
        runs = sum(counts.states.values())
        if runs and not counts.bytes and "durable" in self.store.capabilities:
            raise StoreFault("The store's file is gone.")
        return f"{runs} runs"

    async def _probe_broker(self) -> str:
        await loopback(self.broker)
        return broker_shown(self.settings)

    async def drain(self, grace: float) -> None:
        """Take no more work and let steps finish, for at most `grace` seconds; then hand over.

        What is left of the time is for the requests that are under way, which are cut off later.
        """
        self._stopping = True
        until, left = self.clock.monotonic() + grace, 0.0
        try:
            if self._dispatcher is not None:
                await self._dispatcher.stop(grace)
            left = until - self.clock.monotonic()
        finally:  # whoever is too impatient for this has no time for requests either
            for server in self._servers:
                server.hurry(left)

    async def read_agents(self, agent: str = "") -> Reloaded:
        """Read the agents' sources again, here and in the fleet."""
        return reloaded(self.catalog, await self.keeper.reload(agent), agent)

    async def join(self) -> None:
        """Take the assignment, where settings name one, and wait as long as it says.

        Before `running`. Raises SourceFault, AssignmentInvalid or SettingsInvalid.
        """
        if self.settings.assign_url:
            self.settings = await self.member.settle()
            self.catalog = make_catalog(self.sources(self.settings), self._coded)
            self.member.settled()
            await self.clock.sleep(self.member.stagger_s)

    async def reload(self) -> Reloaded:
        """Read everything again that can change while we run: settings file, assignment, agents.

        Raises what kept a part of it from being read; the rest is read all the same.
        """
        return await reread(self)

    def sources(self, settings: Settings) -> list[Source]:
        """Return the places that agents come from. Raises SettingsInvalid."""
        return make_sources(settings, self._known, self.clock)

    def foresee(self, agents: Sequence[Agent]) -> AsyncIterator[Foreseen]:
        """Tell what open runs would do under these definitions (flow/upgrade.py). While opened."""
        return foresee(self.parts(), agents)

    def resize(self, concurrency: int) -> None:
        """Drive at most so many runs at a time from now on."""
        if self._dispatcher is not None:
            self._dispatcher.resize(concurrency)

    async def doctor(self, *, deep: bool = False) -> list[Part]:
        """Probe everything that a deployment needs; `deep` submits a run. The store is closed then."""
        folder = ", ".join(self.settings.agents)
        patient = Patient(
            self.settings,
            self.store,
            self.broker,
            lambda: loopback(self.broker),
            SystemClock(),
            self.fleet,
            self.catalog,
            self.opened,
        )
        return [
            *await machine(),
            *await self.member.examine(),
            *await agents(self.catalog, self.models, folder),
            *await deployment(patient, deep=deep),
            *await mirrored(self.settings, self.store, self.clock),
            await api(self.settings),
        ]


def take_process(settings: Settings) -> None:
    """Set this process up as ours: logging, and what `tune` sets. Not for guests in other programs."""
    from folkmoot.telemetry.logs import configure  # noqa: PLC0415 - who only asks logs nothing

    configure(settings.log_level, settings.log_format)
    tune()


def tune() -> None:
    """Set the process up for many runs; for programs that are ours (`folkmoot up`), not for guests.

    The garbage collector looks less often: runs hold many small, long-lived values, and its default
    thresholds cost half the time at a thousand runs. The interpreter's lock changes hands more often:
    the store's thread needs it shortly and often.
    """
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(0.001)
