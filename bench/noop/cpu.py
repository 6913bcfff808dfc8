"""CPU seconds of processes, from /proc; 0 where there is none. Standard library only."""

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def _all() -> Iterator[tuple[int, str, list[str]]]:
    """Yield each process's id, its name, and the fields of its status line after the name."""
    for folder in _PROC.glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text()
        except OSError:  # it has ended meanwhile
            continue
        name, _, rest = text.partition("(")[2].rpartition(")")
        yield int(folder.name), name, rest.split()


def _seconds(fields: list[str], *, children: bool) -> float:
    end = 15 if children else 13
    return sum(map(int, fields[11:end])) / _TICK


def of_tree(root: int) -> float:
    """Return the CPU seconds of a process and all that it has started, those that have ended too."""
    found = list(_all())
    family = {root}
    while more := {pid for pid, _, f in found if int(f[1]) in family} - family:
        family |= more
    return sum(_seconds(f, children=True) for pid, _, f in found if pid in family)


def of_name(name: str) -> float:
    """Return the CPU seconds of all processes of a name that live.

    `postgres:database` counts PostgreSQL's sessions in that database: their titles tell it.
    """
    name, _, told = name.partition(":")
    return sum(
        _seconds(f, children=False)
        for pid, known, f in _all()
        if known == name and (not told or f" {told} " in _title(pid))
    )


def _title(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
