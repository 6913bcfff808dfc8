"""Options that commands share, as values."""

from getpass import getuser
from pathlib import Path
from typing import Annotated

import msgspec
import typer

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or `last`.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so; else your user name.")]
Key = Annotated[
    str,
    typer.Option("--key", metavar="KEY", help="Idempotency key: the same key again is the same."),
]
AgentName = Annotated[
    str, typer.Argument(metavar="AGENT", help="An agent's name, or the path of an agent file.")
]
Input = Annotated[
    str | None, typer.Argument(metavar="INPUT", help="The task; `-` reads it from stdin.")
]


Conversation = Annotated[
    str,
    typer.Option("--conversation", metavar="NAME", help="The conversation, by a name of yours."),
]


Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")]


def alone(context: typer.Context, *, json: bool) -> bool:
    """Whether no other word follows a group's own. Raises BadParameter for its `--json` before one."""
    if context.invoked_subcommand and json:
        raise typer.BadParameter(
            f"It stands behind `{context.invoked_subcommand}`.", param_hint="--json"
        )
    return not context.invoked_subcommand


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What every command takes that opens the system."""

    store: Annotated[
        str | None,
        typer.Option("--store", metavar="URL", help="Where truth is kept; else FOLKMOOT_STORE."),
    ] = None
    agents: Annotated[
        str | None,
        typer.Option(
            "--agents", metavar="PLACE", help="Where agents come from; else FOLKMOOT_AGENTS."
        ),
    ] = None
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", metavar="FILE", help="Python file to load; may be repeated."),
    ] = None
    json: Json = False


def me(by: str) -> str:
    """Return who speaks: the name given, or the user of this machine."""
    if by:
        return by
    try:
        return getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return "somebody"
