"""The watch: notices that another process has written to our store, and has it looked after at once.

Only a hint, as every event is: without it the slower rounds of relay and rescuer find the same.
"""

from collections.abc import Awaitable, Callable, Sequence

from folkmoot.ports.store import Store


class Watch:
    """Asks the store for its change number."""

    def __init__(self, store: Store, then: Sequence[Callable[[], Awaitable[object]]]) -> None:
        """`then` is done, in order, when somebody else has written."""
        self._store = store
        self._then = then
        self._seen: int | None = None

    async def once(self) -> bool:
        """Look; return whether there was something."""
        now = await self._store.changed()
        if now == self._seen:
            return False
        self._seen = now
        for act in self._then:
            await act()
        return True
