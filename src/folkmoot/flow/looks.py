"""Looks: announced runs are read before they are begun, many at once.

While a look is under way further announcements collect, and are read together in the next one: under load
the looks grow, and a lone announcement waits for nobody.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from folkmoot.core.changes import Claimed
from folkmoot.core.errors import StoreFault
from folkmoot.flow.parts import Parts
from folkmoot.ports.broker import Delivery

Seen = Callable[[Delivery, Claimed | None, int], Coroutine[Any, Any, None]]
"""Told what is there of an announced run (None: nothing to be had), and as of when (ms)."""
Failed = Callable[[Sequence[Delivery], StoreFault], None]
"""Told what could not be read."""


class Looks:
    """Reads announced runs."""

    def __init__(self, parts: Parts, seen: Seen, failed: Failed) -> None:
        """Nothing is announced yet."""
        self._parts = parts
        self._seen = seen
        self._failed = failed
        self._unread: list[Delivery] = []
        self._at_work = False
        self.count = 0
        """How many announcements were taken and not dealt with."""

    def add(self, deliveries: Sequence[Delivery]) -> Coroutine[Any, Any, None] | None:
        """Take announcements in; return what is to be run, when nobody is at it."""
        self._unread += deliveries
        self.count += len(deliveries)
        if self._at_work:
            return None
        self._at_work = True
        return self._work()

    async def _work(self) -> None:
        try:
            while self._unread:
                deliveries, self._unread = self._unread, []
                await self._look(deliveries)
        finally:
            self._at_work = False

    async def _look(self, deliveries: list[Delivery]) -> None:
        now = self._parts.clock.now()
        try:
            found = await self._parts.store.peek([delivery.run for delivery in deliveries], now)
        except StoreFault as fault:
            self._failed(deliveries, fault)
            return
        finally:
            self.count -= len(deliveries)
        there = {claimed.run.id: claimed for claimed in found}
        for delivery in deliveries:
            await self._seen(delivery, there.pop(delivery.run, None), now)
