"""The scheduler: makes runs of the slots that are due. Only the leader does it.

Protocol. A schedule is one record whose `due` says when to look at it. A look decides (core/lateness.py)
and writes one set:

    CreateRun(key "<schedule>/<slot>")  +  Under("coordinator", fence)  +  PutRecord(version believed)

so a slot has its run and its schedule has moved on, or neither. What keeps a slot from firing twice,
each alone enough should its neighbours fail: the record's version (of two schedulers that believe the
same, one is refused with Outdated), the lease's fence (a leader of yesterday is refused with LeaseLost),
and the key in the inbox (the slot's run is there already, also when the schedule was dropped and made
anew). A crash at any point leaves a record that is due, and the next leader looks at it.

Clocks. When a slot is due is judged by the leader's clock: on PostgreSQL that is the database's
(clocks/agreed.py), else the machine's own. A clock that is ahead fires early, one that is behind fires
late; neither fires twice or leaves out, because the next slot stands in the record and goes only forward.
A clock that jumps far ahead makes of the jump an outage (`missed` says what then) and takes the next slot
with it; upkeep/declared.py finds that once the clock is right.

A slot that cannot be made a run (no such agent, a full queue) is shown at the schedule with its error
and tried again, ever more seldom, at least every five minutes, until it is fired or counts as missed.
"""

import asyncio
from typing import NamedTuple, Protocol

import msgspec

from folkmoot.core.changes import Change, Record
from folkmoot.core.errors import FolkmootError, KeyReused, LeaseLost, Outdated, StoreFault
from folkmoot.core.lateness import look
from folkmoot.core.schedule import KIND, Kept, ask, fired, going, put, refused
from folkmoot.ports.calendar import Calendar
from folkmoot.ports.clock import Clock
from folkmoot.ports.intake import Submit
from folkmoot.ports.store import Store
from folkmoot.upkeep.leader import under

_BATCH = 100
_PASSES = 100


class Leads(Protocol):
    """Who leads: the fence of our lease, 0 when we do not lead."""

    @property
    def fence(self) -> int:
        """The fence to act under now."""
        ...


class Scheduler:
    """Fires slots."""

    def __init__(
        self, store: Store, leader: Leads, clock: Clock, calendar: Calendar, submit: Submit
    ) -> None:
        """`submit` is intake's."""
        self._store = store
        self._leader = leader
        self._clock = clock
        self._calendar = calendar
        self._submit = submit

    async def once(self) -> int:
        """Do one round; return how many slots became runs.

        Schedules that are due are looked at side by side. The first fault that is not a schedule's own
        ends the round, after the others of its batch.
        """
        made, seen = 0, set[tuple[str, int]]()
        for _ in range(_PASSES):
            fence, now = self._leader.fence, self._clock.now()
            records = await self._store.due_records(KIND, now, _BATCH) if fence else []
            # One that is due again as it was cannot be helped in this round.
            fresh = [record for record in records if (record.key, record.version) not in seen]
            if not fresh:
                break
            seen |= {(record.key, record.version) for record in fresh}
            looks = [self._look(_Look(record, fence, now)) for record in fresh]
            for outcome in await asyncio.gather(*looks, return_exceptions=True):
                if isinstance(outcome, LeaseLost):  # somebody else leads, and goes on here
                    return made
                if isinstance(outcome, BaseException):
                    raise outcome
                made += outcome
        return made

    async def _look(self, at: "_Look") -> int:
        """Look at one schedule, and write what comes of it; return how many runs were made."""
        try:
            kept = await self._going(msgspec.json.decode(at.record.body, type=Kept))
            after, slot = look(kept, at.now, self._calendar)
            if slot is not None:
                return await self._fire(at, kept, after, slot)
            await self._store.write(*at.set(after))
        except Outdated:  # somebody has changed it since: it is read anew
            pass
        return 0

    async def _fire(self, at: "_Look", before: Kept, after: Kept, slot: int) -> int:
        """Make a run of a slot; else note at the schedule why not. Return how many runs were made."""
        task = ask(after.schedule, self._calendar.written(slot), at.now)
        try:
            submitted = await self._submit(
                task, lambda run: at.set(fired(after, slot, run.id, at.now))
            )
        except (LeaseLost, Outdated, StoreFault):
            raise
        except KeyReused as known:  # it was fired before the schedule was declared anew
            run = str(known.details.get("run", ""))
        except FolkmootError as fault:
            error = f"{fault.code}: {fault.message}"
            await self._store.write(*at.set(refused(before, error, at.now)))
            return 0
        else:
            if submitted.new:
                return 1
            run = submitted.run.id
        await self._store.write(*at.set(fired(after, slot, run, at.now, new=False)))
        return 0

    async def _going(self, kept: Kept) -> Kept:
        """Return the schedule with those of its runs that still go on."""
        if kept.schedule.overlap == "allow" or not kept.open:
            return kept
        runs = await asyncio.gather(*(self._store.run(run) for run in kept.open))
        found = zip(kept.open, runs, strict=True)
        return going(kept, [name for name, run in found if run is None or run.state.final])


class _Look(NamedTuple):
    """One look: the record as it was read, the fence to act under, the time that it is."""

    record: Record
    fence: int
    now: int

    def set(self, kept: Kept) -> tuple[Change, ...]:
        """Return what keeps the schedule, if nobody has changed it and we still lead."""
        return under(self.fence), put(kept, self.now, self.record.version)
