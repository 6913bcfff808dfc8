"""Blocking file work, off the event loop."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_SPARE = 0.1


class Stop:
    """Tells work in a thread to come to an end: its time is over, or nobody waits any longer."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds * (1 - _SPARE)
        self._event = threading.Event()

    def set(self) -> None:
        """Nobody waits any longer."""
        self._event.set()

    def over(self) -> bool:
        """Whether to come to an end. Cheap; asked between files."""
        return self._event.is_set() or time.monotonic() >= self._deadline


async def in_thread(work: Callable[[Stop], T], seconds: float) -> T:
    """Run blocking work in the pool; on cancel it is told to stop, and not waited for."""
    stop = Stop(seconds)
    try:
        return await asyncio.to_thread(work, stop)
    finally:
        stop.set()
