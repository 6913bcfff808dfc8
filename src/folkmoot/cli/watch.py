"""Follows a run to its end, for the commands that wait: run, talk, tail."""

from contextlib import aclosing

from folkmoot.cli.live import Live
from folkmoot.cli.output import Output
from folkmoot.cli.person import Person
from folkmoot.core.entries import Entry, MessageAnswered
from folkmoot.core.run import Run
from folkmoot.ports.desk import Desk


async def follow(desk: Desk, run: str, out: Output, person: Person, after: int = 0) -> Run:
    """Show a run's entries after a number until it has ended; return the run as it ended."""
    await converse(desk, run, out, person, after=after)
    return await desk.run(run)


async def converse(
    desk: Desk, run: str, out: Output, person: Person, *, message: str = "", after: int = 0
) -> int:
    """Do the same until a message has its answer; return the number of the last entry."""
    live = Live(out)
    try:
        async with aclosing(desk.follow(run, after)) as items:  # type: ignore[type-var]
            async for item in items:
                live.hear(item)
                await person.hear(item)
                if isinstance(item, Entry):
                    after = item.seq
                    if message and _answers(item, message):
                        break
    finally:
        await person.close()
    return after


def _answers(entry: Entry, message: str) -> bool:
    body = entry.read()
    return isinstance(body, MessageAnswered) and body.message == message
