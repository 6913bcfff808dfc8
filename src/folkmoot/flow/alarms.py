"""Alarms: many deadlines, one timer of the event loop.

Nearly every deadline is set and taken back again: a call ends in time. A timer of the loop for each
costs more than the rest of a short call, so the loop gets one only, for the earliest deadline, and
taking a deadline back leaves it armed: when it fires with nothing due, it is set for what is left.
"""

import asyncio
from collections.abc import Awaitable, Generator
from types import TracebackType, coroutine
from typing import Any, TypeVar

_R = TypeVar("_R")


class TimeUp(TimeoutError):
    """A deadline of ours passed. What a call raises by itself, a TimeoutError included, is another thing."""


class Alarm:
    """A deadline: `ring` is called at `when` (the loop's time), unless it was taken back."""

    __slots__ = ("when",)

    when: float

    def ring(self) -> None:
        """The time is over."""
        raise NotImplementedError


class Alarms:
    """The deadlines of one event loop."""

    def __init__(self) -> None:
        """Nothing is set, and no loop is needed yet."""
        self._set: dict[Alarm, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed = float("inf")

    def set(
        self, alarm: Alarm, seconds: float, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        """Have an alarm ring in so many seconds; `loop` is the running one, where it is at hand."""
        loop = loop or asyncio.get_running_loop()
        if loop is not self._loop:
            self._set.clear()
            self._loop, self._timer, self._armed = loop, None, float("inf")
        when = alarm.when = loop.time() + seconds
        self._set[alarm] = None
        if when < self._armed:
            self._arm(when)

    def take_back(self, alarm: Alarm) -> None:
        """Forget an alarm. One that rang already does no harm."""
        self._set.pop(alarm, None)

    def within(self, seconds: float) -> "Within":
        """Return a block that may take so long, as `asyncio.timeout`: then it ends with TimeUp."""
        return Within(self, seconds)

    @coroutine
    def limited(self, work: Awaitable[_R], seconds: float) -> Generator[Any, Any, _R]:
        """Await `work`, which may take so long; raises TimeUp as `within`.

        Nothing is set before it waits for the first time: much of what may take long never waits.
        """
        steps = work.__await__()
        try:
            waits = next(steps)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        with self.within(seconds):
            while True:
                try:
                    yield waits
                except BaseException as fault:  # noqa: BLE001 - it is the work's to deal with
                    try:
                        waits = steps.throw(fault)
                    except StopIteration as done:
                        return done.value  # type: ignore[no-any-return]
                else:
                    return (yield from steps)

    def _arm(self, when: float) -> None:
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
        self._armed = when
        self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        assert self._loop is not None
        self._timer, self._armed = None, float("inf")
        now = self._loop.time()
        due = [alarm for alarm in self._set if alarm.when <= now]
        for alarm in due:
            self._set.pop(alarm, None)
            alarm.ring()
        left = min((alarm.when for alarm in self._set), default=None)
        if left is not None and left < self._armed:
            self._arm(left)


class Within(Alarm):
    """A block with a time limit: `with alarms.within(2.0): await …`. Raises TimeUp at its end.

    As with `asyncio.timeout` a cancel from elsewhere stays a cancel, also when both come together.
    """

    __slots__ = ("_alarms", "_before", "_expired", "_seconds", "_task")

    def __init__(self, alarms: Alarms, seconds: float) -> None:
        """Nothing is set before the block is entered."""
        self._alarms = alarms
        self._seconds = seconds
        self._expired = False

    def __enter__(self) -> None:
        """Set the alarm, for the task that runs this."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._task: asyncio.Task[Any] = task
        self._before = task.cancelling()
        self._alarms.set(self, self._seconds, loop)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the alarm back, or say that it rang."""
        if not self._expired:
            self._alarms.take_back(self)
        elif self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeUp from fault

    def ring(self) -> None:
        """End the block: its task is cancelled, once."""
        self._expired = True
        self._task.cancel()
