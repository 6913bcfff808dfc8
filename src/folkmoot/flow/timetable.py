"""The timetable: schedules as people and programs ask for them (ports/timetable.py).

Every change is made on the version that was read; who comes second reads again. The leader's scheduler
writes the same records: neither loses what the other has noted.
"""

from collections.abc import Callable

import msgspec

from folkmoot.core import ids
from folkmoot.core.changes import DropRecord, Record
from folkmoot.core.errors import (
    Outdated,
    ScheduleConflict,
    ScheduleInvalid,
    ScheduleUnknown,
    WrongState,
)
from folkmoot.core.schedule import (
    FILE,
    KIND,
    Kept,
    Schedule,
    adopt,
    ask,
    flaw,
    pause,
    put,
    resume,
    triggered,
)
from folkmoot.ports.calendar import Calendar
from folkmoot.ports.clock import Clock
from folkmoot.ports.intake import Beside, Submit, Submitted
from folkmoot.ports.store import Store

_Next = Callable[[Kept | None, int], Kept]


class FlowTimetable:
    """The schedules of a store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        calendar: Calendar,
        knows: Callable[[str], object],
        submit: Submit,
    ) -> None:
        """`knows` raises AgentUnknown; `submit` is intake's."""
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._knows = knows
        self._submit = submit

    async def all(self, after: str = "", limit: int = 1000) -> list[Kept]:
        """List schedules, by name."""
        return [_kept(record) for record in await self._store.records(KIND, after, limit)]

    async def get(self, name: str) -> Kept:
        """Return a schedule."""
        return (await self._read(name))[0]

    async def add(self, schedule: Schedule) -> Kept:
        """Make a schedule."""

        def next_(known: Kept | None, now: int) -> Kept:
            if known is not None:
                raise ScheduleConflict(
                    f"There is a schedule {schedule.name!r} already.",
                    kept="The schedule as it is.",
                    todo="Take another name; or replace it (PUT, `--replace`), or remove it first.",
                )
            return adopt(None, schedule, now, self._calendar)

        self._check(schedule)
        return await self._change(schedule.name, next_)

    async def put(self, schedule: Schedule) -> Kept:
        """Make a schedule, or declare it anew."""

        def next_(known: Kept | None, now: int) -> Kept:
            if known is not None:
                _ours(known)
                if known.schedule == schedule:
                    return known
            return adopt(known, schedule, now, self._calendar)

        self._check(schedule)
        return await self._change(schedule.name, next_)

    async def drop(self, name: str) -> None:
        """Forget a schedule."""
        kept, version = await self._read(name)
        _ours(kept)
        await self._store.write(DropRecord(kind=KIND, key=name, version=version))

    async def pause(self, name: str) -> Kept:
        """Make no runs until it is resumed."""
        return await self._change(name, lambda known, now: pause(_there(name, known), now))

    async def resume(self, name: str) -> Kept:
        """Go on from now."""

        def next_(known: Kept | None, now: int) -> Kept:
            kept = _there(name, known)
            if not kept.schedule.enabled:
                raise WrongState(
                    f"The schedule {name!r} is declared with `enabled: false`.",
                    kept="The schedule as it is.",
                    todo="Declare it anew without that, in the agent file or by the API.",
                )
            return resume(kept, now, self._calendar) if kept.paused else kept

        return await self._change(name, next_)

    async def trigger(self, name: str, key: str = "") -> Submitted:
        """Make a run now."""
        now = self._clock.now()
        slot = f"now/{key or ids.make('t', now, self._clock.entropy(8))}"
        while True:
            kept, version = await self._read(name)
            beside = _beside(kept, version, now)
            try:
                return await self._submit(ask(kept.schedule, slot, now), beside)
            except Outdated:  # the scheduler was here, and nothing was written
                continue

    async def _change(self, name: str, next_: _Next) -> Kept:
        """Write what comes of a schedule as it is now; read again when somebody was faster."""
        while True:
            now = self._clock.now()
            record = await self._store.record(KIND, name)
            known = None if record is None else _kept(record)
            kept = next_(known, now)
            if kept is known:
                return kept
            try:
                await self._store.write(put(kept, now, 0 if record is None else record.version))
            except Outdated:
                continue
            return kept

    async def _read(self, name: str) -> tuple[Kept, int]:
        record = await self._store.record(KIND, name)
        if record is None:
            raise _unknown(name)
        return _kept(record), record.version

    def _check(self, schedule: Schedule) -> None:
        wrong = flaw(schedule)
        if wrong:
            raise ScheduleInvalid(wrong, kept="Nothing was scheduled.")
        self._calendar.check(schedule)
        self._knows(schedule.agent)


def _beside(kept: Kept, version: int, now: int) -> Beside:
    return lambda run: (put(triggered(kept, run.id, now), now, version),)


def _kept(record: Record) -> Kept:
    return msgspec.json.decode(record.body, type=Kept)


def _unknown(name: str) -> ScheduleUnknown:
    return ScheduleUnknown(f"There is no schedule {name!r}.")


def _there(name: str, known: Kept | None) -> Kept:
    if known is None:
        raise _unknown(name)
    return known


def _ours(kept: Kept) -> None:
    """Refuse to change what an agent file declares: the file would say something else."""
    if kept.schedule.source == FILE:
        raise ScheduleConflict(
            f"The schedule {kept.schedule.name!r} is declared in the file of agent {kept.schedule.agent!r}.",
            kept="The schedule as it is.",
            todo="Change or remove it there; or pause it.",
        )
