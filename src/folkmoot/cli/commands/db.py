"""`folkmoot db upgrade`: bring the schema of the store up to date."""

import typer

from folkmoot.cli import lazy, session
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.cli.output import Output

db = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Upgrade the schema of the store.",
)


@db.callback()
def _db() -> None:
    """Keep `upgrade` a command of its own: with one command alone its name would be left out."""


def upgrade(given: Options) -> Exit:
    """Apply the migrations that the store lacks; an empty database gets its first schema."""
    return session.go(_upgrade(given))


lazy.add(db, upgrade)


async def _upgrade(given: Options) -> Exit:
    from folkmoot.wiring import upgrade_store  # noqa: PLC0415 - the machine is not for --help

    out = Output(json=given.json)
    steps = await upgrade_store(session.settings(given))
    out.document({"applied": steps})
    if steps:
        out.say(f"Applied: {', '.join(str(step) for step in steps)}.", "green")
    else:
        out.say("The schema is up to date.", "green")
    return Exit.OK
