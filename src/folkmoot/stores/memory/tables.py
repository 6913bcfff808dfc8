"""What the store in memory keeps, and the two ways in which a run is changed."""

from bisect import insort
from collections.abc import Sequence
from typing import Any

import msgspec

from folkmoot.core.changes import Outbox, Record, Signal
from folkmoot.core.entries import Entry
from folkmoot.core.run import Run, RunState


class Kept(msgspec.Struct):
    """A run and what belongs to it. `heard` are the ids of all signals ever sent.

    `announced_at` 0 means never. `pending` are the signals that no journal holds yet, oldest first.
    """

    run: Run
    journal: list[Entry]
    announced_at: int = 0
    heard: set[str] = set()
    pending: dict[str, Signal] = {}


class Parcel(msgspec.Struct):
    """An outbox item and when it is due."""

    item: Outbox
    due: int
    sent: bool = False


class Granted(msgspec.Struct, frozen=True):
    """A lease: its holder, its fence, when it was granted and until when (ms, the store's clock)."""

    holder: str = ""
    fence: int = 0
    at: int = 0
    until: int = 0

    def left(self, now: int) -> int:
        """Return how long it lasts; one granted later than now is over: the clock was set back."""
        return max(0, self.until - now) if self.at <= now else 0


class Heard(msgspec.Struct, frozen=True):
    """A worker's last beat: when, until when it counts (ms, the store's clock), and its note."""

    at: int
    until: int
    note: str


class Tables:
    """Everything. `ids` is sorted; `states` holds each run once, under its state."""

    def __init__(self) -> None:
        """Start empty."""
        self.runs: dict[str, Kept] = {}
        self.ids: list[str] = []
        self.states: dict[str, dict[str, Kept]] = {state: {} for state in RunState}
        self.inbox: dict[tuple[str, str], tuple[str, str]] = {}
        self.money: dict[str, tuple[int, int]] = {}
        self.blobs: dict[str, bytes] = {}
        self.outbox: dict[str, Parcel] = {}
        self.beats: dict[str, Heard] = {}
        self.leases: dict[str, Granted] = {}
        self.records: dict[tuple[str, str], Record] = {}
        self.version = 0

    def add(self, run: Run, entries: Sequence[Entry], announced_at: int) -> None:
        """Keep a new run."""
        kept = Kept(run, list(entries), announced_at)
        self.runs[run.id] = self.states[run.state][run.id] = kept
        insort(self.ids, run.id)

    def remove(self, run: Run) -> None:
        """Forget a run, its key and its letters."""
        del self.runs[run.id], self.states[run.state][run.id]
        self.ids.remove(run.id)
        self.inbox = {name: known for name, known in self.inbox.items() if known[0] != run.id}
        self.outbox = {id_: x for id_, x in self.outbox.items() if x.item.run != run.id}

    def running(self, worker: str | None = None) -> list[Kept]:
        """Return the runs that somebody holds, or those that `worker` holds."""
        held = self.states[RunState.RUNNING].values()
        return [kept for kept in held if worker is None or kept.run.worker == worker]

    def change(self, kept: Kept, **fields: Any) -> None:
        """Give a run other fields, and keep it under its state."""
        before = kept.run.state
        kept.run = msgspec.structs.replace(kept.run, **fields)
        if kept.run.state != before:
            del self.states[before][kept.run.id]
            self.states[kept.run.state][kept.run.id] = kept

    def requeue(self, kept: Kept, at: int, *, fence: int = 0, ready_at: int = 0) -> None:
        """Put a run into the queue, unannounced, its fence raised by `fence`."""
        kept.announced_at = 0
        self.change(
            kept,
            state=RunState.QUEUED,
            fence=kept.run.fence + fence,
            worker="",
            updated_at=at,
            ready_at=ready_at,
            wake_at=None,
            waits_for="",
        )
