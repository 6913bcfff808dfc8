"""Starts folkmoot in a process whose wall clock is wrong, and may jump while it runs.

    python -m folkmoot.testing.fleet.shifted FILE worker --json

The file holds the shift: 8 bytes, a signed number of milliseconds, read at every look at the clock.
`time.time` and `time.time_ns` are replaced before anything of ours is loaded; monotonic time, sleeps and
time-outs stay right, as they do when an administrator or NTP sets a machine's clock. (libfaketime would
shift the whole C library, but its sleeps fail under CPython's clock_nanosleep.)
"""

import mmap
import struct
import sys
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

_FORMAT = struct.Struct("<q")


class Shift:
    """How wrong a clock is: written by a test, read by the process."""

    def __init__(self, path: Path) -> None:
        """The clock is right at first."""
        self.path = path
        self.set(0)

    def set(self, seconds: float) -> None:
        """Step the clock: from now on it is so many seconds ahead (or behind: negative)."""
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.write(_FORMAT.pack(round(seconds * 1000)))

    def launch(self) -> list[str]:
        """Return how a member with this clock is started."""
        return [sys.executable, "-m", "folkmoot.testing.fleet.shifted", str(self.path)]


def wrong(path: Path, right: Callable[[], int]) -> Callable[[], int]:
    """Return a clock (nanoseconds) that is as wrong as the file says."""
    with path.open("rb") as file:
        shared = mmap.mmap(file.fileno(), _FORMAT.size, access=mmap.ACCESS_READ)

    def now() -> int:
        shift: int = _FORMAT.unpack_from(shared)[0]
        return right() + shift * 1_000_000

    return now


def main(path: Path, words: list[str]) -> int:
    """Set the clock wrong, then be folkmoot."""
    now = wrong(path, time.time_ns)
    time.time_ns = now
    time.time = lambda: now() / 1e9
    (script,) = entry_points(group="console_scripts", name="folkmoot")
    folkmoot: Callable[[list[str]], int] = script.load()
    return folkmoot(words)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
