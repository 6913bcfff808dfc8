"""Gauges: how store and fleet stand, set when somebody scrapes."""

from prometheus_client import CollectorRegistry, Gauge

from folkmoot.core.changes import Lease
from folkmoot.core.run import RunState
from folkmoot.core.task import PRIORITIES
from folkmoot.ports.store import Counts, Standing


class Gauges:
    """Numbers that the store knows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them all."""
        self._registry = registry
        self._store_up = self._gauge("store_up", "1 while the store answers, else 0.")
        self._states = self._gauge(
            "runs_by_state",
            "Runs in the store now; state=queued is the depth of the queue.",
            "state",
        )
        self._outbox = self._gauge("outbox", "Items not yet sent.")
        self._dead = self._gauge("dead_letters", "Events that could not be dealt with.")
        self._bytes = self._gauge("store_bytes", "Size on disk.")
        self._workers = self._gauge("workers", "Workers, alive or stale.", "state")
        self._stuck = self._gauge(
            "runs_stuck", "Runs held by a living worker, with no entry for long."
        )
        self._depth = self._gauge("queue_depth", "Queued runs whose time has come.", "priority")
        self._oldest = self._gauge(
            "queue_oldest_seconds", "How long the first of them waits.", "priority"
        )
        self._led = self._gauge("led", "1 while some process leads, else 0.")
        self._leader = self._gauge("leader", "1 while this process leads, else 0.")
        self._term = self._gauge("leader_term", "Grows with every change of leader.")

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"folkmoot_{name}", about, labels, registry=self._registry)

    def answers(self, *, up: bool) -> None:
        """Say whether the store answers. When it does not, the others stay as they were."""
        self._store_up.set(up)

    def count(self, counts: Counts) -> None:
        """Set what is counted."""
        for state in RunState:
            self._states.labels(state).set(counts.states.get(state, 0))
        self._outbox.set(counts.outbox)
        self._dead.set(counts.dead)
        self._bytes.set(counts.bytes)

    def stand(self, standing: Standing, now: int) -> None:
        """Set how the fleet stands; `now` (ms) is the clock by which runs wait."""
        alive = sum(1 for one in standing.workers if one.left_ms)
        self._workers.labels("alive").set(alive)
        self._workers.labels("stale").set(len(standing.workers) - alive)
        self._stuck.set(len(standing.stuck))
        for priority in PRIORITIES:
            line = standing.lines.get(priority)
            self._depth.labels(priority).set(line.runs if line else 0)
            waits = max(now - line.since, 0) / 1000 if line else 0
            self._oldest.labels(priority).set(waits)

    def lead(self, lease: Lease, me: str) -> None:
        """Set who leads."""
        self._led.set(bool(lease.left_ms))
        self._leader.set(bool(lease.left_ms) and lease.holder == me)
        self._term.set(lease.fence)
