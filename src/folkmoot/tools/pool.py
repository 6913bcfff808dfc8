"""Threads for sync functions: kept warm, as many as needed, and never waited for.

Not the event loop's own pool: that one is small, so a few functions that hang would fill it, stop
the files tools, and keep the process from ending. Starting a thread for every call would cost half
a millisecond; here an idle one is taken, or one more is started. How many can be busy is bounded by
how many calls are under way at once.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

_MOST_IDLE = 16

_Job = Callable[[], None]
_idle: list["_Worker"] = []
_lock = threading.Lock()


async def run(work: Callable[[], Any]) -> Any:
    """Run in a thread and return what it gives. On cancel the thread goes on, unheard."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def job() -> None:
        try:
            result, fault = context.run(work), None
        except BaseException as caught:  # noqa: BLE001 - carried over to the caller
            result, fault = None, caught
        if not loop.is_closed():  # it is, when nobody waits any longer
            loop.call_soon_threadsafe(_settle, done, result, fault)

    _take().put(job)
    return await done


class _Worker:
    """A thread and its queue of one."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        threading.Thread(target=self._live, name="folkmoot-tool", daemon=True).start()

    def put(self, job: _Job) -> None:
        self._jobs.put(job)

    def _live(self) -> None:
        while True:
            job = self._jobs.get()
            job()
            with _lock:
                if len(_idle) >= _MOST_IDLE:
                    return
                _idle.append(self)


def _take() -> _Worker:
    with _lock:
        if _idle:
            return _idle.pop()
    return _Worker()


def _settle(done: "asyncio.Future[Any]", result: Any, fault: BaseException | None) -> None:
    if done.done():
        return
    if fault is None:
        done.set_result(result)
    elif isinstance(fault, Exception) and not isinstance(fault, StopIteration):
        done.set_exception(fault)
    else:  # a future cannot carry StopIteration; SystemExit and its like would end the event loop
        done.set_exception(RuntimeError(f"the function raised {type(fault).__name__}: {fault}"))
