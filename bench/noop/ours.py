"""noop on Folkmoot: this process submits and waits, `folkmoot worker` in another one does the runs.

Truth is in PostgreSQL with synchronous_commit on, motion in the broker. A run is durable before
`submit` returns; its claim is fenced, its end durable and told, its journal chained. The gate, the
policies, the metrics and the log are on, as `folkmoot worker` has them.
"""

import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from bench import ruler
from bench.noop import course
from bench.noop.plugin import ANSWER
from folkmoot.app import App, tune
from folkmoot.config import load
from folkmoot.core.entries import broken
from folkmoot.core.run import RunState
from folkmoot.core.task import Task
from folkmoot.flow.desk import FlowDesk

_AGENT = """\
name: noop
instructions: Answer at once.
model: keywords:noop
program: noop
"""


def variables(given: course.Given, folder: Path) -> dict[str, str]:
    """Return the settings of both processes; write the agent file."""
    (folder / "agents").mkdir()
    (folder / "agents" / "noop.yaml").write_text(_AGENT)
    return {
        "FOLKMOOT_STORE": given.store,
        "FOLKMOOT_BROKER": given.url,
        "FOLKMOOT_AGENTS": str(folder / "agents"),
        "FOLKMOOT_WORKSPACES": str(folder / "workspaces"),
        "FOLKMOOT_PLUGINS": str(Path(__file__).with_name("plugin.py")),
        "FOLKMOOT_LOG_LEVEL": "warning",
    }


async def measure(given: course.Given, worker: int) -> course.Figures:
    """Run the course, and look at a journal whether all that is claimed was on."""
    app = App(load())
    tune()
    async with app.opened() as desk:

        async def begin() -> Coroutine[Any, Any, None]:
            born = await desk.submit(Task(agent="noop", input="Nothing."))
            return end(desk, born.run.id)

        found = await course.course(given, worker, begin)
        await check(desk)
    return found


async def end(desk: FlowDesk, run: str) -> None:
    """Wait for a run's end."""
    ended = await desk.finished(run)
    if ended.state is not RunState.SUCCEEDED or ended.output != ANSWER:
        raise RuntimeError(f"{ended.id} ended as {ended.state}: {ended.output or ended.error}")


async def check(desk: FlowDesk) -> None:
    """Read one run back from the store: two entries, chained, final, under a fence."""
    born = await desk.submit(Task(agent="noop", input="Nothing."))
    await end(desk, born.run.id)
    run, entries = await desk.run(born.run.id), await desk.journal(born.run.id)
    kinds = [entry.kind for entry in entries]
    if kinds != ["run.created", "run.succeeded"] or broken(entries) is not None or not run.fence:
        raise RuntimeError(f"the journal is not what was to be measured: {kinds}")


def main() -> None:
    given = course.given("noop on Folkmoot")
    with ruler.scratch() as folder:
        os.environ.update(variables(given, folder))
        with course.worker(str(Path(sys.executable).with_name("folkmoot")), "worker") as pid:
            ruler.tell(course.run(measure(given, pid)))


if __name__ == "__main__":
    main()
