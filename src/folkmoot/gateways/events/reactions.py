"""Reactions: kept events become runs; those that cannot are tried again, later and later, and then dead.

A try is written before it begins: tries + 1, due again when its time is over. So it is counted also when
it ends the process, and somebody else goes on then. The record ends in one set with the run's beginning.
"""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from folkmoot.core import letters
from folkmoot.core.agent import Agent
from folkmoot.core.changes import DropRecord, PutRecord, Record
from folkmoot.core.envelope import Envelope
from folkmoot.core.errors import (
    AgentUnknown,
    FolkmootError,
    Invalid,
    Outdated,
    QueueFull,
    StoreFault,
)
from folkmoot.core.letters import DEAD, EVENT, Letter
from folkmoot.core.task import Task
from folkmoot.gateways.events.matching import fitting, task
from folkmoot.gateways.events.parts import Outcome, Parts

_FIRST_MS = 1_000
_LOST_MS = 3_600_000
"""How long an event waits for a process that knows its agent."""
_UNSEEN = "A process began this try and was not seen to end it."


class Reactions:
    """Makes runs of due events. Any number of processes may do this at once."""

    def __init__(self, parts: Parts) -> None:
        """Nothing is started."""
        self._parts = parts

    async def once(self, limit: int = 100) -> int:
        """Deal with what is due, `limit` at a time while runs come of it; return how many did."""
        made = 0
        while True:
            due = await self._parts.store.due_records(EVENT, self._parts.clock.now(), limit)
            new = sum(await asyncio.gather(*(self._deal(record) for record in due)))
            made += new
            if len(due) < limit or not new:
                return made

    async def _deal(self, record: Record) -> bool:
        try:
            return await self._react(record, letters.read(record.body))
        except Outdated:  # another process has it
            return False
        except StoreFault as fault:  # its time runs out, and it is tried again
            self._parts.report("event_not_handled", "", fault)
            return False

    async def _react(self, record: Record, letter: Letter) -> bool:
        """Judge an event by what is known of it; try it if nothing speaks against it."""
        event = letter.event
        if event is None or _late(event, self._parts.clock.now()):
            await self._drop(record, Outcome.EXPIRED)
        elif letter.tries >= self._parts.tries:
            await self._bury(record.version, letter, letter.error or _UNSEEN)
        elif (agent := self._agent(letter)) is None:
            await self._wait(record, letter)
        elif (trigger := fitting(agent, event, letter.topic)) is None:
            await self._drop(record, Outcome.UNWANTED)
        else:
            begun = await self._begin(record, letter)
            return await self._try(begun, lambda: task(agent, trigger, event, letter.key))
        return False

    def _agent(self, letter: Letter) -> Agent | None:
        try:
            return self._parts.catalog.get(letter.subscription)
        except AgentUnknown:
            return None

    async def _try(self, record: Record, asked: Callable[[], Task]) -> bool:
        """Make the run, and end the record with it; return whether the run is new."""
        end = DropRecord(kind=EVENT, key=record.key, version=record.version)
        try:
            made = await self._parts.submit(asked(), lambda _: (end,))
        except (Outdated, StoreFault):
            raise
        except QueueFull as fault:
            await self._put_off(record, fault)
            return False
        except Exception as fault:  # noqa: BLE001 - whatever it is, the event is tried again or dead
            await self._failed(record, fault)
            return False
        if not made.new:
            await self._parts.store.write(end)
        self._parts.count(Outcome.HANDLED if made.new else Outcome.REPEATED)
        return made.new

    async def _begin(self, record: Record, letter: Letter) -> Record:
        """Count a try before it begins. Raises Outdated when another process has the event."""
        now = self._parts.clock.now()
        begun = replace(letter, tries=letter.tries + 1, last_at=now, error=_UNSEEN)
        return await self._put(record.version, begun, now + round(self._parts.lease_s * 1000))

    async def _failed(self, record: Record, fault: Exception) -> None:
        letter = letters.read(record.body)
        error = _said(fault)
        if letter.tries >= self._parts.tries:
            await self._bury(record.version, letter, error)
            return
        self._parts.count(Outcome.FAILED)
        self._parts.report(
            "event_failed", "", Invalid(f"{letter.key}, try {letter.tries}: {error}")
        )
        wait = _FIRST_MS * 2 ** (letter.tries - 1)
        failed = replace(letter, error=error)
        await self._put(record.version, failed, self._parts.clock.now() + wait)

    async def _put_off(self, record: Record, fault: QueueFull) -> None:
        """Wait for room: a full queue is nobody's failure, so the try does not count."""
        letter = letters.read(record.body)
        back = replace(letter, tries=letter.tries - 1, error=_said(fault))
        wait = max(1.0, float(fault.details.get("retry_after", 1.0)))
        await self._put(record.version, back, self._parts.clock.now() + round(wait * 1000))

    async def _wait(self, record: Record, letter: Letter) -> None:
        """Leave an event to a process that knows its agent; after an hour there is none."""
        now = self._parts.clock.now()
        error = f"AGENT_NOT_FOUND: There is no agent {letter.subscription!r}."
        if now - letter.first_at >= _LOST_MS:
            await self._bury(record.version, letter, error)
        else:
            due = now + round(self._parts.lease_s * 1000)
            await self._put(record.version, replace(letter, error=error), due)

    async def _bury(self, version: int, letter: Letter, error: str) -> None:
        letter = replace(letter, error=error)
        await self._parts.store.write(
            DropRecord(kind=EVENT, key=letter.key, version=version),
            PutRecord(kind=DEAD, key=letter.key, body=letters.write(letter)),
        )
        self._parts.count(Outcome.DEAD)
        self._parts.report(
            "event_dead", "", Invalid(f"{letter.key}, {letter.tries} tries: {error}")
        )
        if letter.event is not None:
            where = self._parts.exchange
            await where.bury(letter.subscription, letter.event, letter.tries, error)

    async def _drop(self, record: Record, outcome: Outcome) -> None:
        end = DropRecord(kind=EVENT, key=record.key, version=record.version)
        await self._parts.store.write(end)
        self._parts.count(outcome)
        self._parts.report(f"event_{outcome}", "", Invalid(record.key))

    async def _put(self, version: int, letter: Letter, due: int) -> Record:
        body = letters.write(letter)
        put = PutRecord(kind=EVENT, key=letter.key, body=body, due=due, version=version)
        (new,) = await self._parts.store.write(put)
        assert isinstance(new, int)
        return Record(kind=EVENT, key=letter.key, version=new, due=due, body=body)


def _late(event: Envelope, now: int) -> bool:
    expires_at = event.expires_at()
    return expires_at is not None and expires_at < now


def _said(fault: Exception) -> str:
    if isinstance(fault, FolkmootError):
        return f"{fault.code}: {fault.message}"
    return f"{type(fault).__name__}: {fault}"
