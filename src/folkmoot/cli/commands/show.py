"""`folkmoot show`: a run, its journal, its spend."""

from typing import Annotated

import typer

from folkmoot.cli import lines, session, shapes
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options, RunId
from folkmoot.cli.output import Output
from folkmoot.cli.text import span, spent, when
from folkmoot.core.entries import Entry
from folkmoot.core.run import Run
from folkmoot.ports.desk import Desk

_PAGE = 1000


class Given(Options, frozen=True, kw_only=True):
    """Which run, and how much of it."""

    run: RunId
    journal: Annotated[
        bool, typer.Option("--journal", help="Print every entry in full, not one line each.")
    ] = False


def show(given: Given) -> Exit:
    """Show a run: where it stands, its journal, its spend."""
    return session.go(_show(given))


async def _show(given: Given) -> Exit:
    out = Output(json=given.json)
    async with session.desk(given) as desk:
        run = await desk.run(await session.run_id(desk, given.run))
        journal = await _journal(desk, run.id)
    out.document({"run": shapes.run(run), "journal": [shapes.entry(entry) for entry in journal]})
    if not given.json:
        _facts(out, run)
        _entries(out, journal, full=given.journal)
    return Exit.OK


async def _journal(desk: Desk, run: str) -> list[Entry]:
    journal: list[Entry] = []
    while page := await desk.journal(run, journal[-1].seq if journal else 0, _PAGE):
        journal += page
    return journal


def _facts(out: Output, run: Run) -> None:
    facts = {
        "run": run.id,
        "agent": run.agent,
        "state": f"{run.state} ({run.waits_for})" if run.waits_for else str(run.state),
        "attempt": str(run.attempt),
        "created": when(run.created_at),
        "updated": when(run.updated_at),
        "spend": spent(run.spend),
        "error": run.error,
        "result": run.output,
    }
    for name, value in facts.items():
        if value:
            out.say(f"{name + ':':<9}{value}")


def _entries(out: Output, journal: list[Entry], *, full: bool) -> None:
    if full:
        for entry in journal:
            out.say(f"{entry.seq} {when(entry.at)} {entry.hash.hex()[:12]} {entry.body.decode()}")
        return
    began = journal[0].at if journal else 0
    story = lines.Story()
    rows = [
        (str(entry.seq), f"+{span(entry.at - began)}", entry.kind, story.line(entry.read()).text)
        for entry in journal
    ]
    out.say()
    out.table(("seq", "time", "entry", "what"), rows)
