"""Ids: sortable by time, unguessable in their tail. The clock and the randomness come from outside."""


def make(prefix: str, ms: int, tail: bytes) -> str:
    """Return an id such as `run_0193a5…`: 12 hex digits of milliseconds, then the tail in hex."""
    return f"{prefix}_{ms:012x}{tail.hex()}"
