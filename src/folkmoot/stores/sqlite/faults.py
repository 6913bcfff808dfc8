"""What SQLite's errors mean for us."""

import contextlib
import os
import sqlite3
from pathlib import Path

from folkmoot.core.errors import FolkmootError, Invalid, StoreFault, StoreFull

BUSY_S = 30.0
"""How long another process may keep the file locked."""
UNWRITABLE = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, ValueError)
_SHARED_MEMORY = 32_768
"""What SQLite's index of the log takes at least."""


def nowhere(fault: OSError, path: Path) -> StoreFault:
    """Return a store's error for a place where no file can be."""
    return StoreFault(
        f"There can be no file {path}: {fault.strerror}.",
        kept="Nothing was started.",
        todo="Let FOLKMOOT_STORE name a file in a folder that we may write to.",
    )


def unwritable(fault: Exception, path: Path) -> FolkmootError:
    """Return the error for a set that holds what no row can hold (a number too large, half a character)."""
    if isinstance(fault, FolkmootError):  # a row of the set's own is damaged
        return fault
    if isinstance(fault, sqlite3.Error):
        return translated(fault, path)
    return Invalid(f"The set cannot be written: {fault}.", kept="Nothing of this set was written.")


def _no_room(path: Path) -> bool:
    """Whether the disk has no page left: SQLite calls it an I/O error where it cannot even begin."""
    with contextlib.suppress(OSError):
        disk = os.statvfs(path.parent)
        return disk.f_bavail * disk.f_frsize < _SHARED_MEMORY
    return False


def translated(fault: sqlite3.Error, path: Path) -> FolkmootError:
    """Return a store's error for SQLite's own."""
    text = str(fault)
    if "full" in text or ("I/O" in text and _no_room(path)):
        return StoreFull(
            f"The disk under {path} is full.", kept="Everything that was written before."
        )
    if "locked" in text:
        return StoreFault(
            f"Another process has kept {path} locked for {BUSY_S:g} s.",
            kept="Everything that was written before; this write was taken back whole.",
            todo="See who has it open (`fuser`): let that process go on, or end it. Then try again.",
        )
    return StoreFault(
        f"SQLite could not write or read {path}: {text}.",
        kept="Everything that was written before; this write was taken back whole.",
        todo="See that the file is on a local disk, writable, and not damaged (`folkmoot doctor`).",
    )
