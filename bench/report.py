"""What a bench found: tables for people, one JSON line for programs."""

import json
import os
import platform
import sqlite3
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import ruler

FREE_SYNC_MS = 0.02
_NAME = 9


@dataclass(frozen=True)
class Bar:
    """A promise: what was measured, what it must be, and whether it is."""

    text: str
    kept: bool


@dataclass(frozen=True)
class Report:
    """The outcome of one bench. `rivals` stays empty where nobody else was measured."""

    name: str
    ours: dict[str, Any]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    rivals: dict[str, Any] = field(default_factory=dict)
    bars: Sequence[Bar] = ()
    note: str = ""

    def line(self) -> dict[str, Any]:
        """Return what --json prints."""
        return {"name": self.name, "ours": self.ours, "rivals": self.rivals, "machine": machine()}

    def show(self, console: Console) -> None:
        """Print the tables."""
        table = Table(*self.columns, title=self.name, caption=self.note or None)
        table.columns[0].overflow, table.columns[0].min_width = "fold", _NAME
        for column in table.columns[1:]:
            column.justify, column.no_wrap = "right", True
        for row in self.rows:
            table.add_row(*row)
        console.print(table)
        for bar in self.bars:
            console.print(f"  {'kept  ' if bar.kept else 'MISSED'}  {bar.text}")


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": usable,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "os": platform.platform(),
    }


def disk() -> str:
    """Return a sentence on what a sync costs here, with a warning when it costs nothing."""
    with ruler.scratch() as folder:
        cost = ruler.sync_ms(folder)
    sentence = f"A sync of 4 KiB takes {cost:.2f} ms on this disk."
    if cost < FREE_SYNC_MS:
        sentence += (
            " That is no sync: durability costs nothing here, the figures are not comparable."
        )
    return sentence


def median(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure over the rounds."""
    return {n: round(statistics.median(each[n] for each in rounds), 4) for n in rounds[0]}


def print_line(console: Console, line: dict[str, Any]) -> None:
    """Print JSON on one line, without colours or wrapping."""
    console.file.write(json.dumps(line) + "\n")
    console.file.flush()
