"""How a fleet stands, from rows of the statements `seen`, `lines` and `stuck`, which the engines share."""

from collections.abc import Callable, Iterable
from typing import Any

from folkmoot.core.task import PRIORITIES
from folkmoot.ports.store import Line, Seen, Standing


def made(
    now: int,
    seen: Iterable[Any],
    lines: Iterable[Any],
    stuck: Iterable[Any],
    plain: Callable[[str], str] = str,
) -> Standing:
    """Return the value; `plain` undoes how the engine writes names."""
    workers = [
        Seen(worker=plain(a), note=plain(b), beat_ms=max(beat, 0), left_ms=max(left, 0), runs=runs)
        for a, b, beat, left, runs in seen
    ]
    return Standing(
        now=now,
        workers=tuple(workers),
        lines={PRIORITIES[rank]: Line(runs=n, since=since) for rank, n, since in lines},
        stuck=tuple([plain(row[0]) for row in stuck]),
    )
