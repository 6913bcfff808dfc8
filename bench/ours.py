"""react3 on Folkmoot: one process, one SQLite file, synchronous=FULL; gate, hash chain, spend on.

Run from the repository root: `.venv/bin/python -m bench.ours --runs 10000`.
"""

import gc
from pathlib import Path

from bench import ruler, weather
from folkmoot.core.entries import ModelCalled, broken
from folkmoot.flow.desk import FlowDesk


async def measure(folder: Path, runs: int) -> dict[str, float]:
    """Warm up, measure, and check what was written."""
    async with weather.running(folder, weather.agent()) as desk:

        async def once() -> None:
            await weather.ask(desk)

        await ruler.closed_loop(once, ruler.WARM_UP)
        gc.collect()
        found = ruler.figures(await ruler.closed_loop(once, runs))
        await check(desk)
    return found


async def check(desk: FlowDesk) -> None:
    """Look at one run whether all that is claimed was really on: seven entries, chained, money held."""
    born = await desk.submit(weather.task())
    async for _ in desk.follow(born.run.id):
        pass
    entries = await desk.journal(born.run.id)
    kinds = [entry.kind for entry in entries]
    wanted = ["run.created", *["model.called", "model.replied"], "tool.returned"]
    wanted += ["model.called", "model.replied", "run.succeeded"]
    if kinds != wanted or broken(entries) is not None:
        raise RuntimeError(f"the journal is not what was to be measured: {kinds}")
    called = entries[1].read()
    if not isinstance(called, ModelCalled) or not called.holds:
        raise RuntimeError("no money was held")


def main() -> None:
    given = ruler.runs_wanted("react3 on Folkmoot", default=10_000).parse_args()
    with ruler.scratch() as folder:
        ruler.tell(ruler.on_a_loop(measure(folder, given.runs)))


if __name__ == "__main__":
    main()
