"""Time and randomness, as something that can be given: the tests bring their own."""

from typing import Protocol


class Clock(Protocol):
    """Wall time in milliseconds, a monotonic time in seconds, and sleeping.

    Wall time may jump (it is only written down and compared with other wall times); monotonic time
    never goes back and is used for durations.
    """

    def now(self) -> int:
        """Milliseconds since 1970 (UTC)."""
        ...

    def monotonic(self) -> float:
        """Seconds from some fixed point."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait. Cancelling the task ends the wait at once."""
        ...

    def entropy(self, size: int) -> bytes:
        """Random bytes for ids."""
        ...
