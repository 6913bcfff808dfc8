"""A schedule: when an agent is asked what, and how its times have gone so far.

A *slot* is a moment (ms since 1970, UTC) at which a schedule wants a run. Slots are computed from the
schedule alone (never from when somebody looked last), so that every process finds the same ones.
Which slots a schedule has is known to a calendar (ports/calendar.py); here is what becomes of them:

    adopt                      first seen, or declared anew
      │
      ▼          due                            look
    next_slot ────────▶ missed? overlapping? ────────▶ fire: a run, in one set with the record
      ▲                      │                                        │
      └──── passed over ◀────┘               refused (shown, tried again) or fired

`next_slot` only goes forward while a schedule stays as it is. All of it stands in one record
(`Kept`), and the record of a slot is written in one set with the slot's run.
"""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol

import msgspec
from msgspec.structs import replace

from folkmoot.core import canonical
from folkmoot.core.changes import PutRecord
from folkmoot.core.messages import whole
from folkmoot.core.task import PRIORITIES, Task

KIND = "schedule"
SOURCE = "schedule"
"""Where runs of schedules come from."""
API, FILE = "api", "file"
"""Where schedules come from."""
OVERLAPS = ("skip", "queue", "allow")
MISSED = ("once", "skip")
NAME = r"[a-z0-9][a-z0-9._-]{0,159}"
LONGEST_S = 366 * 86_400
DAY_S = 86_400
WAIT_MS = 2_000
"""How often a slot that waits for the last run looks whether that is over."""
_OPEN = 20
_FIRST_RETRY_MS, _LAST_RETRY_MS = 5_000, 300_000


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When an agent is asked, and what. `cron` or `every_s`, not both; times are in seconds.

    `overlap`: what happens to a slot while a run of this schedule still goes on: `skip` it, let it wait
    (`queue`), or `allow` a second run. `missed`: what happens to slots that are late by more than
    `grace_s`: `once` makes one run for all of them, `skip` makes none. `jitter_s` delays each slot by a
    time between 0 and that, always the same for the same slot. `timeout_s` gives each run a deadline.
    `source` is `file` (declared by an agent file) or `api`.
    """

    name: str
    agent: str
    input: str
    cron: str = ""
    every_s: int = 0
    timezone: str = "UTC"
    overlap: str = "skip"
    missed: str = "once"
    jitter_s: float = 0.0
    grace_s: float = 60.0
    timeout_s: float | None = None
    priority: str = "normal"
    labels: dict[str, str] = {}
    enabled: bool = True
    source: str = API

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the declaration."""
        return canonical.digest(self)

    @property
    def timing(self) -> tuple[str, int, str]:
        """What the slots follow from."""
        return self.cron, self.every_s, self.timezone


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A schedule as the store keeps it: the declaration, and how it went.

    `waiting` is a slot that waits for the last run (overlap `queue`). `open` are runs that were not over
    when somebody looked. `fired`, `skipped` (overlap) and `missed` (too late) count slots, `triggered`
    counts runs that were asked for by hand. `error` is a code and a sentence: why the slot could not be
    made a run; it is tried again at `retry_at`.
    """

    schedule: Schedule
    paused: bool = False
    next_slot: int | None = None
    waiting: int | None = None
    open: tuple[str, ...] = ()
    fired: int = 0
    skipped: int = 0
    missed: int = 0
    triggered: int = 0
    last_slot: int | None = None
    last_run: str = ""
    error: str = ""
    tries: int = 0
    retry_at: int = 0
    created_at: int = 0
    updated_at: int = 0

    @property
    def active(self) -> bool:
        """Whether slots are made runs at all."""
        return self.schedule.enabled and not self.paused


class Slots(Protocol):
    """Which slots a schedule has. Pure: the same answer to everybody, at any time."""

    def next(self, schedule: Schedule, after: int) -> int | None:
        """Return the first slot later than a time; None when there is none any more."""
        ...

    def last(self, schedule: Schedule, first: int, until: int) -> int:
        """Return the last slot that is not later than a time; `first`, a slot, when there is none."""
        ...

    def count(self, schedule: Schedule, first: int, last: int) -> int:
        """Return how many slots there are from one slot to another, both counted. Large numbers may be cut."""
        ...


def flaw(schedule: Schedule) -> str:
    """Return in a sentence what is wrong with a schedule, its times aside; nothing when it is right."""
    if not re.fullmatch(NAME, schedule.name):
        return "A schedule's name has lower-case letters, digits, `.`, `-` and `_`, at most 160."
    if not schedule.input.strip() or schedule.input != whole(schedule.input):
        return "A schedule needs an `input`: what the agent is asked each time."
    words = (("overlap", OVERLAPS), ("missed", MISSED), ("priority", PRIORITIES))
    for field, known in words:
        if getattr(schedule, field) not in known:
            return f"`{field}` is one of {', '.join(known)}; found {getattr(schedule, field)!r}."
    if not (0 <= schedule.jitter_s <= DAY_S and 0 <= schedule.grace_s <= LONGEST_S):
        return "`jitter` is at most a day, `grace` at most 366 days; neither is negative."
    if schedule.timeout_s is not None and not 0 < schedule.timeout_s <= LONGEST_S:
        return "`timeout` is more than 0 and at most 366 days."
    return ""


def jitter(schedule: Schedule, slot: int) -> int:
    """Return by how many milliseconds a slot is delayed: the same for everybody who asks."""
    most = round(schedule.jitter_s * 1000)
    drawn = sha256(f"{schedule.name}\0{slot}".encode()).digest()
    return int.from_bytes(drawn[:8]) % (most + 1)


def comes(schedule: Schedule, slot: int) -> int:
    """Return when a slot is due: its time and its jitter."""
    return slot + jitter(schedule, slot)


def due(kept: Kept, now: int) -> int:
    """Return when somebody must look at a schedule again; 0 is never."""
    if not kept.active:
        return 0
    times = [] if kept.next_slot is None else [comes(kept.schedule, kept.next_slot)]
    if kept.waiting is not None:
        times.append(now + WAIT_MS)
    return max(min(times), kept.retry_at, 1) if times else 0


def put(kept: Kept, now: int, version: int) -> PutRecord:
    """Return the change that keeps a schedule whose record has this version now (0: there is none)."""
    body = msgspec.json.encode(kept)
    return PutRecord(
        kind=KIND, key=kept.schedule.name, body=body, due=due(kept, now), version=version
    )


def ask(schedule: Schedule, slot: str, now: int) -> Task:
    """Return the task of a slot (as it is written), or of a run by hand: `now/` and a key."""
    labels = {**schedule.labels, "schedule": schedule.name, "slot": slot}
    deadline = None if schedule.timeout_s is None else now + round(schedule.timeout_s * 1000)
    return Task(
        agent=schedule.agent,
        input=schedule.input,
        source=SOURCE,
        key=f"{schedule.name}/{slot}",
        priority=schedule.priority,
        deadline=deadline,
        labels=labels,
    )


def adopt(known: Kept | None, schedule: Schedule, now: int, slots: Slots) -> Kept:
    """Return a schedule as it is kept from now on: new, or declared anew with the same name.

    What happened stays counted. The next slot stays too unless other slots are meant now; then no slot
    of the past is owed.
    """
    if known is None:
        first = slots.next(schedule, now)
        return Kept(schedule=schedule, next_slot=first, created_at=now, updated_at=now)
    after = replace(known, schedule=schedule, error="", tries=0, retry_at=0, updated_at=now)
    if known.schedule.timing == schedule.timing and known.schedule.enabled == schedule.enabled:
        return after
    return replace(after, next_slot=slots.next(schedule, now), waiting=None)


def pause(kept: Kept, now: int) -> Kept:
    """Return a schedule that makes no runs until it is resumed; a slot that waits is given up."""
    return replace(kept, paused=True, waiting=None, updated_at=now)


def resume(kept: Kept, now: int, slots: Slots) -> Kept:
    """Return a schedule that goes on from now: what was not done in the pause is not owed."""
    first = slots.next(kept.schedule, now)
    return replace(kept, paused=False, next_slot=first, retry_at=0, tries=0, updated_at=now)


def fired(kept: Kept, slot: int, run: str, now: int, *, new: bool = True) -> Kept:
    """Return a schedule one of whose slots has become a run; `new` unless that was so before."""
    return replace(
        kept,
        open=_opened(kept, run),
        fired=kept.fired + new,
        last_slot=slot if kept.last_slot is None else max(slot, kept.last_slot),
        last_run=run,
        error="",
        tries=0,
        retry_at=0,
        updated_at=now,
    )


def triggered(kept: Kept, run: str, now: int) -> Kept:
    """Return a schedule for which somebody asked a run by hand."""
    return replace(
        kept, open=_opened(kept, run), triggered=kept.triggered + 1, last_run=run, updated_at=now
    )


def refused(kept: Kept, error: str, now: int) -> Kept:
    """Return a schedule whose slot could not be made a run: it is tried again, ever more seldom."""
    wait = min(_FIRST_RETRY_MS * 2 ** min(kept.tries, 10), _LAST_RETRY_MS)
    return replace(kept, error=error, tries=kept.tries + 1, retry_at=now + wait, updated_at=now)


def going(kept: Kept, over: Iterable[str]) -> Kept:
    """Return a schedule without the open runs that are over."""
    gone = frozenset(over)
    return replace(kept, open=tuple(run for run in kept.open if run not in gone))


def _opened(kept: Kept, run: str) -> tuple[str, ...]:
    if kept.schedule.overlap == "allow":
        return (run,)
    return (*(one for one in kept.open if one != run), run)[-_OPEN:]
