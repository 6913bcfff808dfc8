"""Follows a run to its end, for the commands that wait: run, submit --wait, tail."""

from folkmoot.cli.live import Live
from folkmoot.cli.output import Output
from folkmoot.cli.person import Person
from folkmoot.core.run import Run
from folkmoot.ports.desk import Desk


async def follow(desk: Desk, run: str, out: Output, person: Person, after: int = 0) -> Run:
    """Show a run's entries after a number until it has ended; return the run as it ended."""
    live = Live(out)
    try:
        async for item in desk.follow(run, after):
            live.hear(item)
            await person.hear(item)
    finally:
        await person.close()
    return await desk.run(run)
