"""`folkmoot tail`: follow a run."""

from typing import Annotated

import typer

from folkmoot.cli import session
from folkmoot.cli.exits import Exit
from folkmoot.cli.live import ending
from folkmoot.cli.options import By, Options, RunId, me
from folkmoot.cli.output import Output
from folkmoot.cli.person import Person
from folkmoot.cli.watch import follow

_LARGEST = 2**63 - 1  # what the stores can count to


class Given(Options, frozen=True, kw_only=True):
    """Which run, and from where."""

    run: RunId
    after: Annotated[
        int,
        typer.Option(
            "--after", min=0, max=_LARGEST, metavar="N", help="Only entries after this number."
        ),
    ] = 0
    by: By = ""


def tail(given: Given) -> Exit:
    """Follow a run as it goes on."""
    return session.go(_tail(given))


async def _tail(given: Given) -> Exit:
    out = Output(json=given.json)
    async with session.desk(given) as desk:
        run = await session.run_id(desk, given.run)
        person = Person(desk, out, me(given.by))
        return ending(out, await follow(desk, run, out, person, given.after))
