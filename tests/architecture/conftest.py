"""The sources, as trees: what the rules of the house are held against."""

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"


class Module(NamedTuple):
    """One file of the package."""

    name: str
    path: Path
    lines: int
    tree: ast.Module
    package: bool


def _module(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    parts = path.relative_to(SRC).with_suffix("").parts
    package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if package else parts)
    return Module(name, path.relative_to(ROOT), len(text.splitlines()), ast.parse(text), package)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    return [_module(path) for path in sorted(SRC.rglob("*.py"))]
