"""The machine's own clock and randomness."""

import asyncio
import os
import time


class SystemClock:
    """Real time."""

    def now(self) -> int:
        """Milliseconds since 1970 (UTC)."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds from some fixed point."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def entropy(self, size: int) -> bytes:
        """Random bytes from the operating system."""
        return os.urandom(size)
