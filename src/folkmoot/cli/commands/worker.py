"""`folkmoot worker`: drives runs, beside others on the same store."""

from typing import Annotated

import typer

from folkmoot.cli import serve, session
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.cli.output import Output


class Given(Options, frozen=True, kw_only=True):
    """How much to do."""

    concurrency: Annotated[
        int | None, typer.Option("--concurrency", help="Runs at a time; else FOLKMOOT_CONCURRENCY.")
    ] = None


def worker(given: Given) -> Exit:
    """Run a worker alone: it drives runs."""
    settings = session.settings(given, concurrency=given.concurrency)
    return session.go(
        serve.until_stopped(settings, Output(json=given.json), ("worker",)), serves=True
    )
