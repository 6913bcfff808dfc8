"""How a system that runs here is stopped: the first SIGTERM or SIGINT asks, the second insists.

    working ──first──▶ draining ──drained, or second──▶ closing ──▶ ended

Asked, it takes no more work and the steps under way get a grace time; insisted, the grace ends. Both are
states and not exceptions: a signal is never lost because it came in the moment between two waits.
After the second the signals mean again what they mean to any process, so a third one kills. That
loses nothing: what is not in the journal is done again, and what is, is durable.
"""

import asyncio
import signal
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from folkmoot.cli.session import System

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
T = TypeVar("T")


class Stop:
    """Listens for signals while it is entered."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._insisted = asyncio.Event()

    @property
    def insisted(self) -> bool:
        """Whether the second signal came."""
        return self._insisted.is_set()

    async def during(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do work to its end and return what it returns; None when a signal ended it."""
        task = asyncio.ensure_future(work)
        await _first(task, self._asked.wait())
        if task.cancelled():
            return None
        return task.result()

    async def drain(self, system: "System", grace_s: float) -> None:
        """Let the steps under way finish, until the grace time or the second signal ends it."""
        await _first(system.drain(grace_s), self._insisted.wait())

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._hear)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._forget()

    def _hear(self) -> None:
        if not self._asked.is_set():
            self._asked.set()
            return
        self._insisted.set()
        self._forget()

    @staticmethod
    def _forget() -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


async def _first(*works: "asyncio.Future[Any] | Coroutine[Any, Any, Any]") -> None:
    """Wait for the first of these to end, and end the others; a failure of the first is ours."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
