"""What the tests of agent files share: writing one, and reading its mistakes."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from folkmoot.agents.known import Known
from folkmoot.agents.load import check_file, load_file
from folkmoot.agents.mistakes import Mistake
from folkmoot.core.agent import Agent

LEAST = "name: sample\ninstructions: Work.\nmodel: keywords:sample\n"


class Bench:
    """A folder in which agent files are written, loaded and checked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "agent.yaml"

    def write(self, text: str, name: str = "agent.yaml") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def load(self, text: str, *, least: bool = True, known: Known | None = None) -> Agent:
        self.write((LEAST if least else "") + dedent(text))
        return load_file(self.path, workspaces=self.folder / "spaces", known=known or Known())

    def mistakes(
        self, text: str, *, least: bool = True, known: Known | None = None
    ) -> list[Mistake]:
        self.write((LEAST if least else "") + dedent(text))
        return check_file(self.path, known=known or Known())

    def mistake(self, text: str, **how) -> Mistake:
        """Return the only mistake; its line counts from the first line of `text`."""
        [found] = self.mistakes(text, **how)
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def place(bench: Bench) -> Callable[[Mistake], tuple[int, int]]:
    """Where a mistake stands, with lines counted from the end of the least file."""
    return lambda found: (found.line - LEAST.count("\n"), found.column)
