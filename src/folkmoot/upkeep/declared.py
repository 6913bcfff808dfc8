"""Declared schedules: keeps the records as the agent files have them. Only the leader does it.

When somebody begins to lead, whenever the catalog has changed, and every five minutes: a schedule that an
agent declares is made, or declared anew (what happened stays counted, core/schedule.py `adopt`); one that
no agent declares any more is removed. Schedules made by the API are left alone, also when a file wants their name: that is
reported (SCHEDULE_CONFLICT), and the first one stays.

Nothing is removed while the catalog is not whole (a file has a mistake, a source does not answer, or there
are no agents at all): a leader with a broken folder must not make the fleet forget.

Each change has the leader's fence and the version that was read: a leader of yesterday with older files
changes nothing.

It also sets right what a clock that ran ahead has left behind: a schedule whose last slot lies in the
future gets its next slot from now. Slots that were fired already are not fired again, by their keys.
"""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from folkmoot.core.changes import Change, DropRecord, Record
from folkmoot.core.errors import LeaseLost, Outdated, ScheduleConflict
from folkmoot.core.schedule import FILE, KIND, Kept, Schedule, adopt, put
from folkmoot.ports.calendar import Calendar
from folkmoot.ports.clock import Clock
from folkmoot.ports.store import Store
from folkmoot.upkeep.duty import Report
from folkmoot.upkeep.leader import under
from folkmoot.upkeep.scheduler import Leads

_PAGE = 1000
_AHEAD_MS = 60_000
_AGAIN_S = 300.0


class Wanted(msgspec.Struct, frozen=True):
    """What the agent files declare, by name; `whole` when nothing of it is known to be missing."""

    schedules: Mapping[str, Schedule]
    whole: bool = True


class Declared:
    """Keeps the records as declared."""

    def __init__(
        self,
        store: Store,
        leader: Leads,
        clock: Clock,
        calendar: Calendar,
        wanted: Callable[[], Wanted],
        *,
        report: Report,
    ) -> None:
        """`wanted` reads the catalog; cheap."""
        self._store = store
        self._leader = leader
        self._clock = clock
        self._calendar = calendar
        self._wanted = wanted
        self._report = report
        self._done: tuple[int, Wanted] | None = None
        self._done_at = 0.0

    async def once(self) -> int:
        """Do one round; return how many records were changed. Without a reason nothing is read."""
        fence, wanted, began = self._leader.fence, self._wanted(), self._clock.monotonic()
        fresh = self._done == (fence, wanted) and began - self._done_at < _AGAIN_S
        if not fence or fresh:
            return 0
        known = await self._known()
        names = sorted({*known, *wanted.schedules})
        changes = [self._change(name, known.get(name), wanted) for name in names]
        sets = [self._store.write(under(fence), change) for change in changes if change is not None]
        outcomes = await asyncio.gather(*sets, return_exceptions=True)
        faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        for fault in faults:
            if not isinstance(fault, LeaseLost | Outdated):
                raise fault
        if not faults:  # else somebody else leads, or was faster: the next round looks anew
            self._done, self._done_at = (fence, wanted), began
        return len(outcomes) - len(faults)

    async def _known(self) -> dict[str, Record]:
        found: dict[str, Record] = {}
        after = ""
        while page := await self._store.records(KIND, after, _PAGE):
            found |= {record.key: record for record in page}
            after = page[-1].key
        return found

    def _change(self, name: str, record: Record | None, wanted: Wanted) -> Change | None:
        """Return what brings a schedule's record to what is declared; None when it is there."""
        now, schedule = self._clock.now(), wanted.schedules.get(name)
        version = 0 if record is None else record.version
        try:
            kept = None if record is None else msgspec.json.decode(record.body, type=Kept)
        except msgspec.DecodeError as fault:  # left as it is, for somebody to look at
            self._report("schedule_unreadable", name, fault)
            return None
        if kept is not None and kept.schedule.source != FILE and schedule is not None:
            self._conflict(kept, schedule)
            schedule = None
        elif (
            kept is not None and kept.schedule.source == FILE and schedule is None and wanted.whole
        ):
            return DropRecord(kind=KIND, key=name, version=version)
        if schedule is not None and (kept is None or kept.schedule != schedule):
            return put(adopt(kept, schedule, now, self._calendar), now, version)
        mended = None if kept is None else self._mended(kept, now)
        return None if mended is None else put(mended, now, version)

    def _mended(self, kept: Kept, now: int) -> Kept | None:
        """Return the schedule with its next slot from now, when a clock has run ahead with it."""
        if kept.last_slot is None or kept.last_slot <= now + _AHEAD_MS:
            return None
        self._report("schedule_clock_stepped", kept.schedule.name, None)
        first = self._calendar.next(kept.schedule, now)
        return replace(kept, next_slot=first, last_slot=None, retry_at=0)

    def _conflict(self, kept: Kept, schedule: Schedule) -> None:
        fault = ScheduleConflict(
            f"Agent {schedule.agent!r} declares the schedule {schedule.name!r}, which was made by the API.",
            kept="The one that was made by the API.",
            todo=f"Remove it (`folkmoot schedules remove {kept.schedule.name}`), or rename the other.",
        )
        self._report("schedule_conflict", schedule.name, fault)
