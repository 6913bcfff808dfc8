"""`folkmoot api`: takes tasks and answers, and drives nothing itself."""

from typing import Annotated

import typer

from folkmoot.cli import serve, session
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.cli.output import Output


class Given(Options, frozen=True, kw_only=True):
    """Where to listen."""

    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Else FOLKMOOT_HOST.")
    ] = None
    port: Annotated[
        int | None, typer.Option("--port", help="0 takes a free one; else FOLKMOOT_PORT.")
    ] = None


def api(given: Given) -> Exit:
    """Run the HTTP API alone."""
    settings = session.settings(given, host=given.host, port=given.port)
    return session.go(serve.until_stopped(settings, Output(json=given.json), ("api",)), serves=True)
