"""The timetable of the desk in memory: the real one over a store in memory, and the desk's own runs.

Nobody fires slots: there is no scheduler. What it would write, a test writes into `store`.
"""

from collections.abc import Awaitable, Callable

from folkmoot.calendars.calendar import SlotCalendar
from folkmoot.core.task import Task
from folkmoot.flow.timetable import FlowTimetable
from folkmoot.ports.clock import Clock
from folkmoot.ports.intake import Beside, Submitted
from folkmoot.stores.memory.store import MemoryStore


class _Opened(MemoryStore):
    """A store that is open from the start."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._open = True


class Timetables(FlowTimetable):
    """ports/timetable.py in memory."""

    def __init__(
        self,
        clock: Clock,
        knows: Callable[[str], object],
        submit: Callable[[Task], Awaitable[Submitted]],
    ) -> None:
        """`knows` raises AgentUnknown; `submit` is the desk's."""
        self.store = _Opened(clock)
        self._plain = submit
        super().__init__(self.store, clock, SlotCalendar(), knows, self._beside)

    async def _beside(self, task: Task, beside: Beside) -> Submitted:
        submitted = await self._plain(task)
        if submitted.new:
            await self.store.write(*beside(submitted.run))
        return submitted
