"""How a system that runs here is stopped: the first SIGTERM or SIGINT asks, the second insists.

    working ──first──▶ draining ──drained, or second──▶ closing ──▶ ended

Asked, it takes no more work and the steps under way get a grace time; insisted, the grace ends. Both are
states and not exceptions: a signal is never lost because it came in the moment between two waits.
After the second the signals mean again what they mean to any process, so a third one kills. That
loses nothing: what is not in the journal is done again, and what is, is durable.

SIGHUP says "read again", for those who ask for it (`hung_up`). But when it came because our terminal
is gone, it means what it always did: stop. Under `nohup` it stays ignored.
"""

import asyncio
import os
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

    def __init__(self, *, hangups: bool = False) -> None:
        """`hangups`: SIGHUP is ours to hear."""
        self._asked = asyncio.Event()
        self._insisted = asyncio.Event()
        self._hung_up = asyncio.Event()
        self._hangups = hangups
        self._terminal = False

    @property
    def asked(self) -> bool:
        """Whether the first signal came."""
        return self._asked.is_set()

    @property
    def insisted(self) -> bool:
        """Whether the second signal came."""
        return self._insisted.is_set()

    async def hung_up(self) -> None:
        """Wait for a SIGHUP; those that came since the last wait are one."""
        await self._hung_up.wait()
        self._hung_up.clear()

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
        self._hangups &= signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        if self._hangups:
            self._terminal = _has_terminal()
            loop.add_signal_handler(signal.SIGHUP, self._hear_hangup)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._forget()
        if self._hangups:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)

    def _hear_hangup(self) -> None:
        if self._terminal and not _has_terminal():
            self._hear()
        else:
            self._hung_up.set()

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


def _has_terminal() -> bool:
    """Whether this process has a terminal that can send it signals."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


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
