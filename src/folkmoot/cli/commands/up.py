"""`folkmoot up`: all roles in one process, until it is told to stop."""

from typing import Annotated

import typer

from folkmoot.cli import serve, session
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.cli.output import Output

ROLES = ("api", "coordinator", "worker")


class Given(Options, frozen=True, kw_only=True):
    """Where to listen, how much to do."""

    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Else FOLKMOOT_HOST.")
    ] = None
    port: Annotated[
        int | None, typer.Option("--port", help="0 takes a free one; else FOLKMOOT_PORT.")
    ] = None
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", help="Runs at a time; else FOLKMOOT_CONCURRENCY.")
    ] = None


def up(given: Given) -> Exit:
    """Run the system: worker, coordinator and HTTP API."""
    settings = session.settings(
        given, host=given.host, port=given.port, concurrency=given.concurrency
    )
    return session.go(serve.until_stopped(settings, Output(json=given.json), ROLES), serves=True)
