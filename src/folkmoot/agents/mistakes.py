"""A mistake in an agent file: where it is, what was found, what was expected.

What a person wrote is quoted back to them, shortened; what looks like a secret never is, because
mistakes are printed, logged and sent over the API.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec

from folkmoot.core.errors import AgentFileInvalid

Path = tuple[str | int, ...]

_SHOWN = 48
_SECRET_WORDS = frozenset({"key", "apikey", "secret", "token", "password", "authorization"})
_SECRET_SHAPE = re.compile(
    r"(?:sk|pk|rk|xox[a-z]|gh[a-z]|glpat|hf|AKIA|eyJ)[-_A-Za-z0-9]{12,}"
    r"|//\S*@"  # an address with a user and a password
)


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake. `line` and `column` count from 1; `field` is written as `approvals[0].match`."""

    file: str
    line: int
    column: int
    field: str
    problem: str
    found: str = ""
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """Return the mistake as one line that an editor can jump to."""
        parts = [self.problem]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.found:
            parts.append(f"found {self.found}")
        text = "; ".join(part for part in parts if part)
        field = f"{self.field}: " if self.field else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {field}{text}{hint}"


def invalid(file: str, mistakes: Sequence[Mistake]) -> AgentFileInvalid:
    """Return the error that carries these mistakes."""
    count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    lines = "\n".join(f"  {mistake}" for mistake in mistakes)
    return AgentFileInvalid(
        f"{file} has {count}:\n{lines}\n",
        kept="Nothing was loaded from this file.",
        todo="Correct it; docs/reference/agent-file.md describes every field.",
        mistakes=[msgspec.to_builtins(mistake) for mistake in mistakes],
    )


def write(path: Path) -> str:
    """Return a path as a person writes it: `tools[2].shell`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def show(value: Any, path: Path = ()) -> str:
    """Return what was found, in words; never a text that may be a secret."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return _text(value, path)
    return "a list" if isinstance(value, list) else "a mapping"


def _text(value: str, path: Path) -> str:
    if not value:
        return "an empty text"
    names = [part for part in path if isinstance(part, str)]
    if _SECRET_SHAPE.search(value) or (names and _SECRET_WORDS & set(names[-1].lower().split("_"))):
        return "a text (not shown: it may be a secret)"
    line = " ".join(value.split())
    return f"the text {line!r}" if len(line) <= _SHOWN else f"the text {line[:_SHOWN]!r}…"


def near(word: str, words: Iterable[str]) -> str:
    """Return `did you mean …?` when one of the words is close, else an empty text."""
    close = get_close_matches(word.lower(), sorted(words), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""


def choices(words: Collection[str]) -> str:
    """Return words as `a, b or c`."""
    *most, last = sorted(words) or ["none"]
    return f"{', '.join(most)} or {last}" if most else last
