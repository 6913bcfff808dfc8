"""Group commit: one thread writes; all sets that arrive while it commits form its next transaction.

The event loop hands a batch over and goes on. While the thread works, further sets collect; when it
reports back, those who waited go on, and what they write at once goes into the next batch with what
had collected: otherwise a set that came alone is committed alone, and its commit fights with all the
others for the interpreter. A lone writer pays for one commit only, and the order in which sets were
started is the order of the batches.
Stopping hands over what was accepted, waits for it, then ends the thread.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from folkmoot.core.changes import Change, Outcome
from folkmoot.core.errors import FolkmootError, StoreClosed

_QUIET_S = 1.0

Set = tuple[Change, ...]
Result = tuple[Outcome, ...] | BaseException
Commit = Callable[[Sequence[Set]], list[Result]]


class Writer:
    """A thread that commits batches, and the loop's side of it."""

    def __init__(
        self, commit: Commit, finish: Callable[[], None], rest: Callable[[], None]
    ) -> None:
        """`commit` runs in the thread, a batch at a time; `finish` is the thread's last act.

        `rest` is done when a batch was written and then nothing for a second.
        """
        self._commit = commit
        self._finish = finish
        self._rest = rest
        self._loop: asyncio.AbstractEventLoop | None = None
        self._jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waiting: list[tuple[Set, asyncio.Future[Any]]] = []
        self._busy = False
        self._thread: threading.Thread | None = None
        self._closed = False
        self._untidy = False
        self._written_at = 0.0
        self.commits = 0
        self.sets = 0

    def start(self) -> None:
        """Start the thread, for the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="folkmoot-sqlite", daemon=True)
        self._thread.start()

    def write(self, changes: Set) -> "asyncio.Future[tuple[Outcome, ...]]":
        """Accept a set; the future is done when the set is durable or has failed."""
        if self._loop is None or self._closed:
            raise StoreClosed(kept="Everything that was written before.")
        future: asyncio.Future[tuple[Outcome, ...]] = self._loop.create_future()
        self._waiting.append((changes, future))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._hand_over)
        return future

    async def call(self, job: Callable[[], Any]) -> Any:
        """Run something on the thread, between two batches."""
        if self._loop is None or self._closed:
            raise StoreClosed
        future = self._loop.create_future()
        self._jobs.put((job, future))
        return await future

    async def stop(self) -> None:
        """Finish what was accepted; end the thread. Idempotent."""
        if self._closed or self._thread is None:
            self._closed = True
            return
        self._closed = True
        pending = [future for _, future in self._waiting]
        if pending:
            await asyncio.wait(pending)
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        if not self._waiting:
            self._busy = False
            return
        batch, self._waiting = self._waiting, []
        self.commits += 1
        self.sets += len(batch)
        self._jobs.put(batch)

    def _work(self) -> None:
        loop = self._loop
        assert loop is not None
        while (job := self._next()) is not None:
            if isinstance(job, tuple):
                self._inquire(loop, *job)
                continue
            self._untidy = True
            try:
                results = self._commit([changes for changes, _ in job])
            except BaseException as fault:  # noqa: BLE001 - every waiter must hear of it
                results = [fault] * len(job)
            self._written_at = time.monotonic()
            _tell(loop, self._settle, job, results)
        self._finish()

    def _next(self) -> Any:
        """Wait for the next job; when no batch came for a second, tidy up."""
        while self._untidy:
            quiet = time.monotonic() - self._written_at
            if quiet >= _QUIET_S:
                self._untidy = False
                self._rest()
                break
            with contextlib.suppress(queue.Empty):
                return self._jobs.get(timeout=_QUIET_S - quiet)
        return self._jobs.get()

    def _inquire(
        self, loop: asyncio.AbstractEventLoop, job: Callable[[], Any], future: Any
    ) -> None:
        try:
            result: Any = job()
        except BaseException as fault:  # noqa: BLE001 - the asker must hear of it
            result = fault
        _tell(loop, _resolve, future, result)

    def _settle(self, batch: list[tuple[Set, Any]], results: list[Result]) -> None:
        assert self._loop is not None
        for (_, future), result in zip(batch, results, strict=True):
            _resolve(future, result)
        self._loop.call_soon(self._hand_over)  # behind those who were just told


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: Any) -> None:
    """Report to the loop; a loop that was closed meanwhile has nobody left who listens."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback, *args)


def _resolve(future: Any, result: Any) -> None:
    if future.done():
        return
    if isinstance(result, BaseException):
        future.set_exception(_fresh(result))
        return
    future.set_result(result)


def _fresh(fault: BaseException) -> BaseException:
    """Return an error of its own for each waiter, so that they do not share one traceback."""
    if isinstance(fault, FolkmootError):
        return type(fault)(fault.message, kept=fault.kept, todo=fault.todo, **fault.details)
    return fault
