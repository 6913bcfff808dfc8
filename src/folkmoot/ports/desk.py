"""The desk: what people and programs may ask of a fleet. The CLI and every gateway stand before it."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

import msgspec

from folkmoot.core.agent import Agent
from folkmoot.core.entries import Entry
from folkmoot.core.run import Run
from folkmoot.core.signals import AnySignal
from folkmoot.core.task import Task
from folkmoot.ports.eventdesk import EventDesk
from folkmoot.ports.intake import Submitted
from folkmoot.ports.store import Counts, Query
from folkmoot.ports.timetable import Timetable


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message of a conversation: `output`, or `error` (a code and a sentence)."""

    run: str
    message: str
    output: str = ""
    data: Any = None
    error: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """An approval that a run waits for."""

    run: str
    agent: str
    approval: str
    act: str
    reason: str
    policy: str
    args: dict[str, Any]
    digest: str
    needs: int = 1
    by: tuple[str, ...] = ()
    yes: tuple[str, ...] = ()
    expires_at: int | None = None


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A place where the ledger does not hold. `seq` 0 means that the journal's end is missing."""

    run: str
    seq: int
    reason: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a verification: how much was read, and what was found."""

    runs: int
    entries: int
    broken: tuple[Broken, ...] = ()


class Delta(msgspec.Struct, frozen=True):
    """A piece of the reply as the model says it. Not kept: a client that missed it reads the entry."""

    run: str
    text: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The health of one part. `critical` parts make the system not ready.

    `todo` says what to do about it; it counts only while the part is not `ok`.
    """

    name: str
    ok: bool
    detail: str = ""
    critical: bool = True
    todo: str = ""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the system stands now, actively probed."""

    ready: bool
    parts: tuple[Part, ...]
    active: int = 0
    capacity: int = 0


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What reading the agents' sources again brought: all names, and which of them are new.

    `kept` stay in use as they were, because their file has a mistake now; `mistakes` name it.
    `later` are settings that were changed and take effect with the next start.
    """

    agents: tuple[str, ...]
    came: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


class HeldBack(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that is left alone after failures: how many in a row or how often, until when (ms)."""

    agent: str
    failures: int
    trips: int
    until: int


class Desk(Protocol):
    """Everything that can be asked from outside. Errors are those of core/errors.py."""

    @property
    def timetable(self) -> Timetable:
        """What can be asked about schedules."""
        ...

    @property
    def events(self) -> EventDesk:
        """What can be asked about events."""
        ...

    async def submit(self, task: Task) -> Submitted:
        """Make a run of a task. With a key that was seen before: that key's run."""
        ...

    async def run(self, run: str) -> Run:
        """Return a run. Raises RunUnknown."""
        ...

    async def runs(self, query: Query) -> list[Run]:
        """List runs, newest first."""
        ...

    async def journal(self, run: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Return a run's entries after a number. Raises RunUnknown."""
        ...

    def follow(self, run: str, after: int = 0) -> AsyncIterator[Entry | Delta]:
        """Yield a run's entries after a number, then what comes, with deltas between.

        Ends after the entry that ends the run, at once when that is not after the number. Never misses or repeats an entry, in order;
        deltas may be lost. Raises RunUnknown.
        """
        ...

    async def tell(self, run: str, signal: AnySignal, key: str = "") -> bool:
        """Say something to a run (say, cancel, pause, resume, vote, retry); False if heard before.

        The same key is a repetition of the same kind of signal only (a vote: on the same approval, by
        the same person). Raises RunUnknown, or WrongState when the run's state does not allow it.
        """
        ...

    async def answer(self, run: str, message: str, wait_s: float = 0.0) -> Answer | None:
        """Return the answer to a conversation's message; None when it has none after `wait_s`.

        Raises RunUnknown, or MessageUnknown.
        """
        ...

    async def questions(self, run: str = "") -> list[Question]:
        """Return the approvals that are waited for, of one run or of all."""
        ...

    def agents(self) -> list[Agent]:
        """Return the agents that are declared here."""
        ...

    async def reload(self, agent: str = "") -> Reloaded:
        """Read the agents' sources again now, of one agent or of all, in the whole fleet.

        Raises SourceFault when one cannot be read (what was read before stays), or AgentUnknown.
        """
        ...

    async def held_back(self) -> list[HeldBack]:
        """Return the agents that failed lately (core/lane.py), by name."""
        ...

    async def clear(self, agent: str) -> bool:
        """Forget an agent's failures; False when there was nothing to forget.

        Runs that its breaker has put off begin at once.
        """
        ...

    async def counts(self) -> Counts:
        """Count runs, workers and the outbox."""
        ...

    async def verify(self, run: str = "") -> Verified:
        """Recompute the chains of one run, or of all."""
        ...

    async def health(self) -> Health:
        """Probe every part now."""
        ...
