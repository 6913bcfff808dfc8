"""A gateway: hears triggers, hands tasks to intake, carries replies back."""

from typing import Protocol


class Gateway(Protocol):
    """An edge of the system.

    `deliver` may be called more than once for the same reply (same `key`): it must pass the key on
    or be harmless when repeated. It raises when the reply did not arrive; delivery tries again.
    """

    name: str

    async def start(self) -> None:
        """Begin to listen. Idempotent."""
        ...

    async def stop(self) -> None:
        """Stop listening and wait for what is under way. Idempotent."""
        ...

    async def deliver(self, address: str, text: str, key: str) -> None:
        """Bring a reply to an address of this gateway."""
        ...
