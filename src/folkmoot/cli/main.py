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
from typing import TYPE_CHECKING, Annotated

import typer

from folkmoot.cli.lazy import LazyGroup
from folkmoot.core.errors import FolkmootError, Invalid

if TYPE_CHECKING:
    from folkmoot.cli.session import Compose

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
    _write_anything(json="--json" in words)
    try:
        _read(words)
        typer.main.get_command(_app).main(args=words, prog_name="folkmoot", obj=compose)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except FolkmootError as error:
        from folkmoot.cli import faults  # noqa: PLC0415 - an error is the only time it is needed

        return faults.show(error, words)
    except UnicodeEncodeError:
        bad = [nr for nr, word in enumerate(words, 1) if not _is_text(word)]
        if not bad:
            raise
        from folkmoot.cli import faults  # noqa: PLC0415 - as above

        message = f"Argument {bad[0]} is not UTF-8 text."
        return faults.show(Invalid(message, kept="Nothing of this command."), words)
    return 0


def _is_text(word: str) -> bool:
    """Whether a word was written in UTF-8: bytes that are not come as half characters."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
