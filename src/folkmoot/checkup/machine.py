"""What this machine must have: interpreter, SQLite, a sandbox that runs a command, room on the disk."""

import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

from folkmoot.core.agent import SandboxUse
from folkmoot.core.errors import FolkmootError
from folkmoot.ports.desk import Part
from folkmoot.ports.sandbox import Command
from folkmoot.sandboxes.registry import choose

_SQLITE = (3, 38, 0)
_ENOUGH_BYTES = 100_000_000
_SAID = b"folkmoot"


async def machine() -> list[Part]:
    """Look at all of it."""
    return [_python(), _sqlite(), await _sandbox(), _space()]


def _python() -> Part:
    return Part(
        name="python",
        ok=sys.version_info >= (3, 11),
        detail=sys.version.split()[0],
        todo="Use Python 3.11 or newer.",
    )


def _sqlite() -> Part:
    return Part(
        name="sqlite",
        ok=sqlite3.sqlite_version_info >= _SQLITE,
        detail=f"{sqlite3.sqlite_version} (needs 3.38)",
        todo="Use a Python with a newer SQLite, or a PostgreSQL store.",
    )


async def _sandbox() -> Part:
    """Run a command in it."""
    try:
        found = choose(SandboxUse())
        with tempfile.TemporaryDirectory(prefix="folkmoot-doctor-") as place:
            echo = ["echo", _SAID.decode()]
            done = await found.run(Command(argv=echo, workspace=Path(place), timeout_s=10.0))
    except FolkmootError as fault:
        return ailing("sandbox", fault, critical=False)
    if done.code or _SAID not in done.stdout:
        detail = f"{found.name}: a command ended with {done.code}: {done.stderr.decode(errors='replace')[:200]}"
        todo = "See docs/reference/sandboxes.md."
        return Part(name="sandbox", ok=False, detail=detail, critical=False, todo=todo)
    can = ", ".join(sorted(found.capabilities))
    return Part(name="sandbox", ok=True, detail=f"{found.name} runs commands: {can}")


def _space() -> Part:
    folder = Path.cwd()
    free = shutil.disk_usage(folder).free
    return Part(
        name="disk",
        ok=free > _ENOUGH_BYTES,
        detail=f"{free // 1_000_000} MB free under {os.fspath(folder)}",
        todo="Make room: a store that cannot grow refuses every write.",
    )


def ailing(name: str, fault: FolkmootError, *, critical: bool = True) -> Part:
    """Return a part that failed with an error of ours."""
    return Part(name=name, ok=False, detail=fault.message, critical=critical, todo=fault.todo)
