"""Damage: a row that holds what we never wrote is named, and not tripped over."""

import msgspec

from folkmoot.core.errors import StoreFault

UNREADABLE = (KeyError, IndexError, TypeError, ValueError, msgspec.DecodeError)
"""What comes of reading such a row."""


def damaged(run: str, fault: Exception) -> StoreFault:
    """Return the error for the row of a run."""
    return StoreFault(
        f"The row of run {run} was damaged or changed by hand: {fault}.",
        kept="Its journal, which is kept apart from the row.",
        todo="Put the row back from a backup: the journal says what it held.",
        run=run,
    )
