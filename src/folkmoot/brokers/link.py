"""Whether the server can be reached, and the mending when it cannot.

States: closed -> up <-> down -> closed. Whoever meets a fault reports it (`broken`), with the
generation of the connection it used; reports about an older connection are passed over. Down: one
task tries again, after 0.05 s first, at last once a second, until it succeeds; a connection that does
not last begins where the one before left off. Two log lines for an outage, however long: broker_lost,
broker_back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from folkmoot.brokers.address import Address
from folkmoot.brokers.log import warn
from folkmoot.core.errors import SettingsInvalid

PATIENCE_S = 2.0
"""How long a call may wait for a server that does not answer, counted from the outage's begin."""
_JOIN_S = 5.0
_SOONEST_S = 0.05
_LATEST_S = 1.0
_LASTING_S = 3.0

Step = Callable[[], Awaitable[None]]
T = TypeVar("T")


async def uncut(work: Awaitable[T]) -> T:
    """Wait for something done with a connection.

    Client libraries end their waiters by cancelling them when a connection goes. That must not look as
    if we had been cancelled: tasks would die of it that are to outlive the connection.
    """
    try:
        return await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise ConnectionResetError("the connection was let go") from None


class Link:
    """The connection's state."""

    def __init__(self, address: Address, join: Step, leave: Step) -> None:
        """`join` connects anew, `leave` lets go of what there is."""
        self.address = address
        self.generation = 0
        self.dropped = 0
        self._join = join
        self._leave = leave
        self._up = asyncio.Event()
        self._lost_at = 0.0
        self._found_at = 0.0
        self._pause = _SOONEST_S
        self._mending: asyncio.Task[None] | None = None
        self._closed = True

    @property
    def up(self) -> bool:
        """Whether the server answered last time."""
        return self._up.is_set()

    async def open(self, refusals: tuple[type[BaseException], ...], whom: str = "us") -> None:
        """Try once; an unreachable server is tried again in the background.

        Raises SettingsInvalid when the server refuses `whom`.
        """
        self._closed = False
        try:
            await self._try()
        except refusals as fault:
            self._closed = True
            await self._leave()
            raise SettingsInvalid(
                f"The broker at {self.address.shown} refuses {whom}: {self.address.clean(str(fault))}.",
                kept="Nothing was started.",
                todo="Correct FOLKMOOT_BROKER (docs/reference/brokers.md).",
            ) from None
        except Exception as fault:  # noqa: BLE001 - whatever it is, we try again and say so
            self._fall(fault)

    async def close(self) -> None:
        """Let go. Idempotent."""
        self._closed = True
        mending, self._mending = self._mending, None
        if mending is not None:
            mending.cancel()
            await asyncio.gather(mending, return_exceptions=True)
        self._up.clear()
        await self._leave()

    def broken(self, fault: BaseException, generation: int) -> None:
        """Say that a connection failed. Only the first word about each counts."""
        if self._closed or not self.up or generation != self.generation:
            return
        self._up.clear()
        self._fall(fault)

    def _fall(self, fault: BaseException) -> None:
        self._lost_at = asyncio.get_running_loop().time()
        if self._lost_at - self._found_at > _LASTING_S:
            self._pause = _SOONEST_S
        error = self.address.clean(f"{type(fault).__name__}: {fault}")
        warn("broker_lost", broker=self.address.shown, error=error)
        self._mending = asyncio.create_task(self._mend(), name="folkmoot-broker-mend")

    async def _mend(self) -> None:
        while not self.up:
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, _LATEST_S)
            with suppress(Exception):
                await self._try()
        lasted = asyncio.get_running_loop().time() - self._lost_at
        dropped, self.dropped = self.dropped, 0
        warn("broker_back", broker=self.address.shown, after_s=round(lasted, 2), dropped=dropped)

    async def _try(self) -> None:
        await self._leave()
        self.generation += 1
        async with asyncio.timeout(_JOIN_S):
            await uncut(self._join())
        self._found_at = asyncio.get_running_loop().time()
        self._up.set()

    async def reached(self) -> bool:
        """Wait until the server is there; False when the outage lasts longer than PATIENCE_S."""
        if not self.up:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._lost_at + PATIENCE_S):
                    await self._up.wait()
        return self.up

    async def there(self) -> None:
        """Wait until the server is there, however long."""
        await self._up.wait()
