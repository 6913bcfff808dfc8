"""Which duties a process does, by its roles. Part of the composition root.

    worker        heartbeat, poker; and where the broker carries only inside the process, a relay of its own
    coordinator   leader; and what only the leader does: rescuer, relay, delivery, scheduler, declared
    both          subscriptions, reactions: events, which any number of processes may receive
    api           none

Whoever speaks to a broker between processes looks whether it has lost what was said (`losses`).
Where the store has a clock of its own every process looks at it now and then (clocks/agreed.py).
A worker stands for leading, too, behind the coordinators (upkeep/leader.py): a fleet of workers alone looks
after itself. Where several processes write one file (SQLite), a watch notices what another has written.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import NamedTuple

from folkmoot.clocks.agreed import AgreedClock
from folkmoot.config import Settings
from folkmoot.core import events
from folkmoot.core.urgency import AGAIN_MS
from folkmoot.flow.delivery import Delivery
from folkmoot.flow.dispatcher import Dispatcher
from folkmoot.flow.intake import QUEUE, Intake
from folkmoot.flow.parts import Parts
from folkmoot.gateways.events import Inbox, Outcome, Reactions
from folkmoot.gateways.events import Parts as EventParts
from folkmoot.upkeep.declared import Declared, Wanted
from folkmoot.upkeep.duty import Duty
from folkmoot.upkeep.heartbeat import Heartbeat
from folkmoot.upkeep.leader import Leader, led
from folkmoot.upkeep.nudger import Nudger
from folkmoot.upkeep.pruner import Pruner
from folkmoot.upkeep.relay import Relay
from folkmoot.upkeep.rescuer import Rescuer
from folkmoot.upkeep.scheduler import Scheduler
from folkmoot.upkeep.watch import Watch

Once = Callable[[], Awaitable[object]]
Count = Callable[[Outcome], None]
_WATCH_S = 0.1
_PRUNE_S = 5.0
_SOON_S = 0.05
_LATE = 5
_NUDGED = {"delivery": events.OUTBOX, "relay": events.QUEUE_FILLED}
_TERMS = 4
"""Rounds of a leader in a lease; a stand-in waits one of them longer than a coordinator needs."""


class Round(NamedTuple):
    """Something done again and again: a name, the act, the seconds between."""

    name: str
    once: Once
    every_s: float
    eager_s: float | None = None


def _alone(relay: Relay) -> Callable[[int], Awaitable[object]]:
    """Return the round of a relay that fills the broker of this process, whoever leads the fleet."""
    return lambda _: relay.once()


class Rounds:
    """The duties of one process."""

    def __init__(
        self, parts: Parts, settings: Settings, name: str, intake: Intake, count: Count
    ) -> None:
        """`name` is the process's, as worker and as leader. `count` is told what became of events."""
        self._parts = parts
        self._settings = settings
        self._name = name
        self._intake = intake
        self._count = count
        self.leader: Leader | None = None
        self.inbox: Inbox | None = None
        self.nudgers: list[Nudger] = []
        self.heartbeat = Heartbeat(parts.store, name, settings.lease_s)
        self._relay = self._new_relay()

    def duties(
        self, roles: Collection[str], dispatcher: Dispatcher | None
    ) -> list[tuple[Duty, float]]:
        """Return the duties, not started, each with the seconds after which it is late."""
        rounds: list[Round] = []
        if isinstance(self._parts.clock, AgreedClock):
            rounds.append(Round("clock", self._parts.clock.look, self._settings.heartbeat_s))
        if dispatcher is not None:
            rounds += self._of_worker(dispatcher)
        if self._shared_broker:
            rounds.append(Round("losses", self._new_relay().lost, self._settings.poll_s))
        if not {"coordinator", "worker"}.isdisjoint(roles):
            rounds += self._of_coordinator(
                stand_in="coordinator" not in roles, alone=dispatcher is not None
            )
            rounds += self._of_events()
        least = self._settings.lease_s
        made = [(self._duty(each), max(least, _LATE * each.every_s)) for each in rounds]
        for duty, _ in made:
            if duty.name in _NUDGED:
                self.nudgers.append(Nudger(self._parts.broker, _NUDGED[duty.name], duty))
        return made

    def _of_worker(self, dispatcher: Dispatcher) -> list[Round]:
        given, parts = self._settings, self._parts
        rounds = [
            Round("heartbeat", self.heartbeat.once, given.heartbeat_s),
            Round("poker", dispatcher.poke_all, given.poll_s),
            Round("rates", dispatcher.look_at_rates, given.poll_s),
        ]
        looks = [dispatcher.poke_all]
        if not self._shared_broker:
            rounds.append(Round("relay", self._relay.once, given.poll_s, _SOON_S))
            looks.insert(0, self._relay.once)  # type: ignore[arg-type]
        if "shared" in parts.store.capabilities:
            rounds.append(Round("watch", Watch(parts.store, looks).once, _WATCH_S))
        return rounds

    def _of_coordinator(self, *, stand_in: bool, alone: bool) -> list[Round]:
        """Return what a coordinator does; `alone`: a worker of this process takes what it announces."""
        given, parts = self._settings, self._parts
        every_s = given.lease_s / _TERMS
        patience = every_s if stand_in else 0.0
        leader = Leader(parts.store, parts.clock, self._name, given.lease_s, patience)
        self.leader = leader
        relay = self._relay
        announce = relay.once if self._shared_broker else _alone(relay) if alone else None
        rescuer = Rescuer(parts.store, parts.clock, given.lease_s, announce)
        delivery = Delivery(parts)
        rounds = [
            Round("leader", leader.once, every_s),
            Round("rescuer", led(leader, rescuer.once, rescuer.watch), given.poll_s),
            Round("delivery", led(leader, lambda _: delivery.once()), given.poll_s),
        ]
        if self._shared_broker:
            rounds.append(Round("relay", led(leader, relay.once), given.poll_s, _SOON_S))
        if given.keep_days:
            pruner = Pruner(parts.store, parts.clock, given.keep_days)
            rounds.append(Round("pruner", led(leader, pruner.once), _PRUNE_S))
        return rounds + self._of_schedules(leader)

    def _of_schedules(self, leader: Leader) -> list[Round]:
        parts, poll_s = self._parts, self._settings.poll_s
        store, clock, calendar = parts.store, parts.clock, parts.calendar
        scheduler = Scheduler(store, leader, clock, calendar, self._intake.submit)
        declared = Declared(store, leader, clock, calendar, self._wanted, report=parts.report)
        return [
            Round("declared", declared.once, poll_s),
            Round("scheduler", scheduler.once, poll_s),
        ]

    def _of_events(self) -> list[Round]:
        parts, given = self._parts, self._settings
        assert parts.exchange is not None
        events = EventParts(
            store=parts.store,
            exchange=parts.exchange,
            catalog=parts.catalog,
            clock=parts.clock,
            submit=self._intake.submit,
            report=parts.report,
            count=self._count,
            tries=given.event_tries,
            lease_s=given.lease_s,
        )
        reactions = Reactions(events)
        inbox = self.inbox = Inbox(events, reactions.once)
        return [
            Round("subscriptions", inbox.sync, given.poll_s),
            Round("reactions", reactions.once, given.poll_s),
        ]

    def _wanted(self) -> Wanted:
        """Return what the agents declare; without agents, or with mistakes or faults, not the whole."""
        catalog = self._parts.catalog
        agents = [catalog.get(name) for name in catalog.names()]
        found = {one.name: one for agent in agents for one in agent.schedules}
        missing = getattr(catalog, "mistakes", ()) or getattr(catalog, "faults", ())
        return Wanted(found, whole=bool(agents) and not missing)

    def _new_relay(self) -> Relay:
        parts, window = self._parts, self._parts.window
        return Relay(
            parts.store, parts.broker, parts.clock, QUEUE, again_ms=AGAIN_MS, window=window
        )

    @property
    def _shared_broker(self) -> bool:
        return "shared" in self._parts.broker.capabilities

    def _duty(self, each: Round) -> Duty:
        clock, report = self._parts.clock, self._parts.report
        name, once, every_s, eager_s = each
        return Duty(name, once, every_s=every_s, eager_s=eager_s, clock=clock, report=report)
