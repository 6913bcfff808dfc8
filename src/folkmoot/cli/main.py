"""The `folkmoot` command.

Help must cost little: this file and what it imports stay free of stores, models, settings and HTTP.
A command's module is imported when that command is asked for (lazy.py), and the machine behind it
only when the command opens it (session.py). tests/integration/cli holds the times.
"""

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from folkmoot.cli.lazy import LazyGroup
from folkmoot.core.errors import FolkmootError, Invalid

if TYPE_CHECKING:
    from folkmoot.cli.session import Compose

_WRONG_USE: Any = typer.BadParameter.__mro__[1]  # UsageError, wherever this typer keeps it

_app = typer.Typer(
    name="folkmoot",
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes, options and the shape of --json: docs/reference/cli.md",
)


def _version(asked: bool) -> None:
    if asked:
        from folkmoot import __version__  # noqa: PLC0415 - only for this option

        sys.stdout.write(f"folkmoot {__version__}\n")
        raise typer.Exit


@_app.callback()
def _folkmoot(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run AI agents that survive crashes, stay inside their limits, and answer for every act."""


def _write_anything(*, json: bool) -> None:
    """Let no character end a command: JSON is UTF-8, and what a terminal cannot show becomes `?`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed before we began
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, nowhere)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8" if json else None, errors="replace")


def _read(words: Sequence[str]) -> None:
    """Refuse words that are no text: nothing behind us could keep or show them. Raises Invalid."""
    for word in words:
        if not word.isascii() and word.encode(errors="replace").decode() != word:
            raise Invalid(
                f"{word!r} is no text: it holds bytes that the locale's encoding has not.",
                kept="Nothing was done.",
                todo="Write it in the encoding of your locale, which should be UTF-8.",
            )


def main(argv: Sequence[str] | None = None, compose: "Compose | None" = None) -> int:
    """Run one command and return its exit code.

    `compose` makes the system from its settings; None means the real one (folkmoot.app.App).
    """
    words = list(sys.argv[1:] if argv is None else argv)
    json = "--json" in words
    _write_anything(json=json)
    try:
        _read(words)
        return _run(words, compose, json=json)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except FolkmootError as error:
        from folkmoot.cli import faults  # noqa: PLC0415 - an error is the only time it is needed

        return faults.show(error, words)


def _run(words: list[str], compose: "Compose | None", *, json: bool) -> int:
    """Run the command and return its exit code. With `json` a wrong use is an error like any other."""
    command = typer.main.get_command(_app)
    try:
        done = command.main(words, "folkmoot", obj=compose, standalone_mode=not json)
    except _WRONG_USE as wrong:
        asked = wrong.ctx.command_path if wrong.ctx else "folkmoot"
        raise Invalid(
            wrong.format_message(), kept="Nothing was done.", todo=f"See `{asked} --help`."
        ) from None
    return int(done or 0)
