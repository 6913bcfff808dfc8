"""A Run: one durable execution of a task, as the store keeps it.

    queued ──claim──▶ running ──▶ succeeded | failed | cancelled | refused
       ▲                │  ▲
       └── retry/rescue─┘  └── wake ── waiting (a person, a time, a message, a pause)

A waiting run holds no worker, no task and no thread. `fence` grows with every claim and rescue.
"""

from enum import StrEnum

import msgspec

from folkmoot.core.spend import Spend


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to a run in this state unless it is retried."""
        return self in FINAL


DEADLINE_PASSED = "DEADLINE_PASSED"
"""The code of a run that was given up because its deadline had passed; no failure of its agent."""

FINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.REFUSED})


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run. Times are milliseconds since 1970 (UTC). `definition` is the agent's hash.

    `ready_at`: not before this time (delay, backoff). `wake_at`: a waiting run wakes then.
    `waits_for` says in a word what a waiting run waits for. `head` and `head_hash` (hex) are the last
    entry at the last change of state. `error` is a code and a sentence. `tenant` is whom the run is for:
    tenants share fairly. `limit`, `spacing` (ms) and `guarded` are its lane's terms (core/lane.py).
    """

    id: str
    agent: str
    definition: str
    state: RunState = RunState.QUEUED
    priority: str = "normal"
    source: str = "api"
    attempt: int = 1
    fence: int = 0
    worker: str = ""
    created_at: int = 0
    updated_at: int = 0
    ready_at: int = 0
    wake_at: int | None = None
    deadline: int | None = None
    waits_for: str = ""
    head: int = 0
    head_hash: str = ""
    spend: Spend = Spend()
    output: str = ""
    error: str = ""
    labels: dict[str, str] = {}
    tenant: str = ""
    limit: int = 0
    spacing: int = 0
    guarded: bool = True

    def ready(self, now: int) -> bool:
        """Whether the run waits for a worker, and its time has come."""
        return self.state is RunState.QUEUED and self.ready_at <= now
