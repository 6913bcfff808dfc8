"""The witness: what really happened, written beside the system by the processes themselves.

One line each, appended with a single write: a killed process has either written it or not, and the
order of the lines is the order of the writes, over all processes. That order needs no clock.
"""

import os
from pathlib import Path

import msgspec


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened.

    `what` is `begin` (a call starts), `act` (its effect on the world), or `entry` (a journal entry is
    durable: `run`, `seq` and `fence` say which). `kind` is `model` or a tool's effect class; `key` is the
    task's. `at` is the process's own clock, in milliseconds.
    """

    what: str
    kind: str = ""
    name: str = ""
    effect: str = ""
    key: str = ""
    run: str = ""
    seq: int = 0
    fence: int = 0
    pid: int = 0
    at: int = 0


class Witness:
    """A file of lines."""

    def __init__(self, path: Path) -> None:
        """The file is made by the first line."""
        self._path = path

    def saw(self, line: Line) -> None:
        """Write a line."""
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, msgspec.json.encode(line) + b"\n")
        finally:
            os.close(handle)

    def read(self) -> list[Line]:
        """Return all lines."""
        if not self._path.exists():
            return []
        lines = self._path.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=Line) for line in lines]
