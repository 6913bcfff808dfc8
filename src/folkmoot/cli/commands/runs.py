"""`folkmoot runs`: list runs."""

from typing import Annotated

import typer

from folkmoot.cli import session, shapes
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.cli.output import Output
from folkmoot.cli.text import money, short, when
from folkmoot.core.run import Run, RunState
from folkmoot.ports.store import Query

_COLUMNS = ("run", "agent", "state", "updated", "spend", "outcome")


class Given(Options, frozen=True, kw_only=True):
    """Which runs."""

    agent: Annotated[str, typer.Option("--agent", metavar="NAME", help="Only of this agent.")] = ""
    state: Annotated[
        list[RunState] | None, typer.Option("--state", help="Only in this state; may be repeated.")
    ] = None
    before: Annotated[
        str,
        typer.Option("--before", metavar="RUN", help="Only older than this run: the next page."),
    ] = ""
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 20


def runs(given: Given) -> Exit:
    """List runs, newest first."""
    return session.go(_runs(given))


async def _runs(given: Given) -> Exit:
    out = Output(json=given.json)
    query = Query(
        agent=given.agent, states=tuple(given.state or ()), before=given.before, limit=given.limit
    )
    async with session.desk(given) as desk:
        found = await desk.runs(query)
    out.document({"runs": [shapes.run(run) for run in found]})
    if found:
        out.table(_COLUMNS, [_row(run) for run in found])
    else:
        out.note("No runs here.")
    return Exit.OK


def _row(run: Run) -> tuple[str, ...]:
    state = f"{run.state} ({run.waits_for})" if run.waits_for else str(run.state)
    outcome = short(run.error or run.output, 60)
    return (run.id, run.agent, state, when(run.updated_at), money(run.spend.nanos), outcome)
