"""The nudger: has a duty do its round at once when a hint says that there may be work for it.

Only a hint: without it the duty's own rounds find the same, later. Many hints at once are one round.
"""

import asyncio

from folkmoot.ports.broker import Broker
from folkmoot.upkeep.duty import Duty


class Nudger:
    """Listens for one duty."""

    def __init__(self, broker: Broker, topic: str, duty: Duty) -> None:
        """Nothing is started."""
        self._broker = broker
        self._topic = topic
        self._duty = duty
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen. Idempotent."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name=f"folkmoot-nudge-{self._topic}")

    async def stop(self) -> None:
        """Listen no more. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        async with self._broker.listen(self._topic) as hints:
            async for _ in hints:
                self._duty.nudge()
