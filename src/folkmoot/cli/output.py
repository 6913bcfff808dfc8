"""Where a command's words go: answers to stdout, progress and notes to stderr."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from folkmoot.cli.text import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_GAP, _LAST = 3, 24  # columns between two of a table; least room for its last
_WIDE = 200  # columns of a table that is read by a program or a file, not on a terminal


class Output:
    """One command's output. With `json` people's words are left out, without it the documents are."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.quiet = quiet

    def document(self, value: Any) -> None:
        """Print one JSON document as one line, at once."""
        if self.json:
            sys.stdout.write(msgspec.json.encode(value, enc_hook=str).decode() + "\n")
            sys.stdout.flush()

    def say(self, words: str = "", style: str = "", *, end: str = "\n") -> None:
        """Print an answer for people."""
        if not self.json:
            self.console.out(clean(words), style=style or None, end=end, highlight=False)
            self.console.file.flush()

    def note(self, words: str, style: str = "dim") -> None:
        """Tell people something that is no answer: what goes on, what to do next."""
        if not self.quiet:
            self.warn(words, style)

    def warn(self, words: str, style: str = "yellow") -> None:
        """Tell people something that they must know, even if they asked for quiet."""
        if not self.json:
            self.errors.out(clean(words), style=style, highlight=False)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
        """Print a table for people. The last column takes the room that is left.

        The others are never cut, for a name is there to be copied: where they do not fit, the
        terminal breaks the lines.
        """
        if self.json:
            return
        from rich import box  # noqa: PLC0415 - only people need it
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(
            title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
        )
        for column in columns:
            table.add_column(column, overflow="fold", no_wrap=column != columns[-1])
        texts = [[Text(clean(cell)) for cell in row] for row in rows]
        for row in texts:
            table.add_row(*row)
        least = _least([[Text(column) for column in columns], *texts])
        table.width = least if least > self.console.width else None
        self.console.print(table, crop=False)

    @contextmanager
    def progress(self, words: str) -> Iterator[None]:
        """Show that something goes on, while it does, on a terminal."""
        if self.json or self.quiet or not sys.stderr.isatty():
            yield
            return
        with self.errors.status(words):
            yield

    @contextmanager
    def counted(self, words: str) -> Iterator[Callable[[int, int], None]]:
        """Show how far long work is, on a terminal: the function takes (done, of how many)."""
        if self.json or self.quiet or not sys.stderr.isatty():
            yield lambda _done, _all: None
            return
        from rich.progress import Progress  # noqa: PLC0415 - only people need it

        with Progress(console=self.errors, transient=True) as bar:
            task = bar.add_task(words, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    @cached_property
    def console(self) -> "Console":
        """The terminal or file behind stdout."""
        return _console(sys.stdout)

    @cached_property
    def errors(self) -> "Console":
        """The terminal or file behind stderr."""
        return _console(sys.stderr)


def _least(rows: "Sequence[Sequence[Text]]") -> int:
    """Return how wide a table is at least: all columns whole, but for the last."""
    widths: list[int] = [max(cell.cell_len for cell in cells) for cells in zip(*rows, strict=True)]
    *whole, last = widths
    return sum(whole) + _GAP * len(whole) + min(last, _LAST) + 2


def _console(stream: Any) -> "Console":
    from rich.console import Console  # noqa: PLC0415 - only people need it

    class Quiet(Console):
        """A console that leaves the exit code to us when its reader has gone (lazy.py)."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    width = None if stream.isatty() else _WIDE
    return Quiet(file=stream, width=width, highlight=False, markup=False, emoji=False)
