import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LAYERED = "Imports point inward, and neighbours do not know each other"
TYPING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {}\n"
LOCAL = "def late():\n    import {}\n"


def lint(root: Path, source: Path) -> subprocess.CompletedProcess[str]:
    """Hold the contracts of the project against a source folder."""
    tool = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [tool, "--config", root / ".importlinter", "--no-cache"],
        cwd=source,
        env={"PYTHONPATH": str(source), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_import_contract_is_kept(root):
    done = lint(root, root / "src")
    assert done.returncode == 0, done.stdout.partition("Broken contracts")[2] or done.stderr


@pytest.mark.parametrize("way", [TYPING, LOCAL], ids=["typing-only", "function-local"])
@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("core/ids.py", "folkmoot.ports.clock"),
        ("core/ids.py", "time"),
        ("policies/grants.py", "folkmoot.stores"),
        ("flow/gate.py", "folkmoot.app"),
        ("upkeep/duty.py", "folkmoot.flow.gate"),
        ("flow/gate.py", "fastapi"),
    ],
)
def test_the_contracts_see_hidden_imports(root, tmp_path, file, imported, way):
    shutil.copytree(root / "src" / "folkmoot", tmp_path / "folkmoot")
    with (tmp_path / "folkmoot" / file).open("a") as poisoned:
        poisoned.write("\n\n" + way.format(imported))
    found = lint(root, tmp_path).stdout
    module = "folkmoot." + file.removesuffix(".py").replace("/", ".")
    assert f"{module} -> {imported}" in found


def test_a_folder_without_a_place_in_the_house_is_noticed(root, tmp_path):
    shutil.copytree(root / "src" / "folkmoot", tmp_path / "folkmoot")
    (tmp_path / "folkmoot" / "attic").mkdir()
    (tmp_path / "folkmoot" / "attic" / "__init__.py").write_text('"""Old things."""\n')
    assert "attic" in lint(root, tmp_path).stdout


def imported(node: ast.stmt) -> set[str]:
    """Return the modules that a statement may load; `from a import b` loads a, and b if it is one."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return set()


def reach(graph: dict[str, set[str]], start: str) -> set[str]:
    """Return what a module loads, and what that loads, and so on."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph[waiting.pop()] - seen:
            seen.add(name)
            waiting.append(name)
    return seen


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that load each other."""
    reached = {name: reach(graph, name) for name in graph}
    within = {
        name: frozenset({name} | {other for other in reached[name] if name in reached[other]})
        for name in graph
        if name in reached[name]
    }
    return sorted(sorted(group) for group in set(within.values()))


def test_no_modules_import_each_other(modules):
    names = {module.name for module in modules}
    graph = {
        module.name: {
            found
            for node in ast.walk(module.tree)
            if isinstance(node, ast.stmt)
            for found in imported(node)
            if found in names and found != module.name
        }
        for module in modules
    }
    found = circles(graph)
    assert not found, "\n".join(" <-> ".join(group) for group in found)


def test_circles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert circles(graph) == [["b", "c"]]


def test_nothing_is_imported_relatively(modules):
    relative = [
        f"{module.path}:{node.lineno}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative, "\n".join(relative)
