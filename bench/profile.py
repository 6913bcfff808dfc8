"""profile: where the time of react3 goes. A timer looks at the stacks a thousand times a second.

The signal handler runs on the main thread between two bytecodes, so a long call into C is counted for
the line that made it. Each look takes the innermost frame that belongs to the project, and names the
library below it. The store's writer thread is looked at in the same moment.
"""

import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from bench import child, report, ruler, weather
from bench.options import Options

RUNS = 10_000
EVERY_S = 0.001
SHOWN = 25
OURS = str(ruler.ROOT / "src" / "folkmoot")
WRITER = "folkmoot-sqlite"


class Looks:
    """What was seen, by thread."""

    def __init__(self) -> None:
        self.main: Counter[str] = Counter()
        self.parts: Counter[str] = Counter()
        self.writer: Counter[str] = Counter()
        self._writer = 0

    def __call__(self, _: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        place, part = where(frame)
        self.main[place] += 1
        self.parts[part] += 1
        other = sys._current_frames().get(self.writer_thread())  # noqa: SLF001 - the only door there is
        if other is not None:
            self.writer[where(other)[0]] += 1

    def writer_thread(self) -> int:
        """Return the writer's id, once it runs."""
        if not self._writer:
            for thread in threading.enumerate():
                if thread.name == WRITER:
                    self._writer = thread.ident or 0
        return self._writer


def where(frame: FrameType) -> tuple[str, str]:
    """Return the project's innermost function on a stack (with the library below), and its part."""
    below = ""
    seen: FrameType | None = frame
    while seen is not None:
        file = seen.f_code.co_filename
        if file.startswith(OURS):
            inner = file.removeprefix(OURS + "/")
            part = inner.split("/", 1)[0] if "/" in inner else inner
            tail = f" > {below}" if below else ""
            return f"{inner}:{seen.f_code.co_name}{tail}", part
        below = below or library(file, seen.f_code.co_name)
        seen = seen.f_back
    return below or "?", "event loop and bench"


def library(file: str, function: str) -> str:
    """Name a frame outside the project: its file without the way there, and its function."""
    parts = Path(file).parts
    return f"{'/'.join(parts[-2:])}:{function}"


async def measure(folder: Path, runs: int) -> dict[str, Any]:
    """Warm up, then look while `runs` runs are made."""
    looks = Looks()
    async with weather.running(folder, weather.agent()) as desk:

        async def once() -> None:
            await weather.ask(desk)

        await ruler.closed_loop(once, ruler.WARM_UP)
        signal.signal(signal.SIGALRM, looks)
        signal.setitimer(signal.ITIMER_REAL, EVERY_S, EVERY_S)
        laps = await ruler.closed_loop(once, runs)
        signal.setitimer(signal.ITIMER_REAL, 0)
    return {
        "runs_per_s": round(runs / laps.wall_s, 1),
        "us_per_run": round(laps.wall_s * 1e6 / runs, 1),
        "looks": looks.main.total(),
        "parts": dict(looks.parts.most_common()),
        "main": dict(looks.main.most_common(SHOWN)),
        "writer": dict(looks.writer.most_common(SHOWN // 2)),
    }


def run(options: Options) -> report.Report:
    """Measure in a process of its own."""
    found = child.measure("bench.profile", "--runs", str(options.runs or RUNS))
    rows = [["MAIN THREAD, BY PART", "", ""], *shares(found["parts"], found)]
    rows += [["MAIN THREAD, BY FUNCTION", "", ""], *shares(found["main"], found)]
    rows += [["WRITER THREAD", "", ""], *shares(found["writer"], found)]
    return report.Report(
        name="profile",
        ours=found,
        columns=["where", "share", "µs/run"],
        rows=rows,
        note=f"{found['runs_per_s']:,.0f} runs/s while being looked at",
    )


def shares(counted: dict[str, int], found: dict[str, Any]) -> list[list[str]]:
    """Return a line for each place."""
    return [
        [
            f"  {place}",
            f"{n / found['looks']:.1%}",
            f"{n / found['looks'] * found['us_per_run']:.1f}",
        ]
        for place, n in counted.items()
    ]


def main() -> None:
    given = ruler.runs_wanted("where the time of react3 goes", RUNS).parse_args()
    with ruler.scratch() as folder:
        ruler.tell(ruler.on_a_loop(measure(folder, given.runs)))


if __name__ == "__main__":
    main()
