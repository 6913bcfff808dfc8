"""The timetable: what people and programs may ask about schedules. A part of the desk (ports/desk.py)."""

from typing import Protocol

from folkmoot.core.schedule import Kept, Schedule
from folkmoot.ports.intake import Submitted


class Timetable(Protocol):
    """The schedules. Errors are those of core/errors.py."""

    async def all(self, after: str = "", limit: int = 1000) -> list[Kept]:
        """List schedules with a name greater than `after`, by name."""
        ...

    async def get(self, name: str) -> Kept:
        """Return a schedule. Raises ScheduleUnknown."""
        ...

    async def add(self, schedule: Schedule) -> Kept:
        """Make a schedule.

        Raises ScheduleConflict when the name is taken, CronInvalid or ScheduleInvalid when no times can
        be told of it, AgentUnknown.
        """
        ...

    async def put(self, schedule: Schedule) -> Kept:
        """Make a schedule, or declare it anew; what happened stays counted. The same again is the same.

        Raises as `add`; ScheduleConflict only when an agent file declares the schedule.
        """
        ...

    async def drop(self, name: str) -> None:
        """Forget a schedule; its runs stay. Raises ScheduleUnknown, and ScheduleConflict as `put`."""
        ...

    async def pause(self, name: str) -> Kept:
        """Make no runs until it is resumed. Raises ScheduleUnknown."""
        ...

    async def resume(self, name: str) -> Kept:
        """Go on from now; what was not done in the pause is not made up for. Raises ScheduleUnknown."""
        ...

    async def trigger(self, name: str, key: str = "") -> Submitted:
        """Make a run now, whatever the schedule's times, its overlap and its pause say.

        The same `key` again is the same run. Raises ScheduleUnknown, and what submitting a task raises.
        """
        ...
