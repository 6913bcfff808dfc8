"""`folkmoot ledger verify`: are the journals whole and unchanged?"""

from typing import Annotated

import typer

from folkmoot.cli import lazy, session, shapes
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.cli.output import Output
from folkmoot.cli.text import many

ledger = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Verify that the journals are whole and unchanged.",
)


class Given(Options, frozen=True, kw_only=True):
    """Which journal."""

    run: Annotated[str, typer.Argument(metavar="[RUN]", help="Only this run's journal.")] = ""


@ledger.callback()
def _ledger() -> None:
    """Keep `verify` a command of its own: with one command alone its name would be left out."""


def verify(given: Given) -> Exit:
    """Recompute the hash chains, of one run or of all, and name every entry that does not fit."""
    return session.go(_verify(given))


lazy.add(ledger, verify)


async def _verify(given: Given) -> Exit:
    out = Output(json=given.json)
    async with session.desk(given) as desk:
        run = await session.run_id(desk, given.run)
        with out.progress("Recomputing the hash chains"):
            found = await desk.verify(run)
    broken = [shapes.full(place) for place in found.broken]
    out.document({"runs": found.runs, "entries": found.entries, "broken": broken})
    out.say(f"{many(found.runs, 'run')}, {many(found.entries, 'entry')} read.")
    if not found.broken:
        out.say("The ledger holds.", "green")
        return Exit.OK
    rows = [(place.run, str(place.seq or "end"), place.reason) for place in found.broken]
    out.table(("run", "entry", "what does not hold"), rows)
    out.note("Keep a copy of the store as it is; then compare it with your last backup.", "red")
    return Exit.FAILED
