"""How a server is stopped: the first SIGTERM or SIGINT asks, the second stops at once.

After the second the signals mean again what they mean to any process, so a third one kills. That
loses nothing: what is not in the journal is done again, and what is, is durable.
"""

import asyncio
import signal
from types import TracebackType
from typing import Self

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Listens for signals while it is entered."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()

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
        if not self.asked.is_set():
            self.asked.set()
            return
        self.at_once.set()
        self._forget()

    @staticmethod
    def _forget() -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
