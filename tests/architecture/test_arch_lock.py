import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

PIN = re.compile(r"(?m)^([a-z0-9-]+)==(\S+)")


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def lock(root):
    def read(name: str) -> str:
        return (root / "requirements" / name).read_text()

    return read


def pins(text: str) -> dict[str, Version]:
    return {name: Version(version) for name, version in PIN.findall(text)}


def unmet(wanted: list[str], text: str) -> list[str]:
    """Return the requirements that a lock does not meet."""
    have = pins(text)
    found = []
    for requirement in map(Requirement, wanted):
        name = requirement.name.lower().replace("_", "-")
        if name != "folkmoot" and not (
            name in have and requirement.specifier.contains(have[name], prereleases=True)
        ):
            found.append(str(requirement))
    return found


def test_the_lock_meets_what_the_package_needs(project, lock):
    assert unmet(project["project"]["dependencies"], lock("base.txt")) == []


def test_the_development_lock_meets_every_extra_and_group(project, lock):
    extras = project["project"]["optional-dependencies"].values()
    wanted = [each for extra in extras for each in extra] + project["dependency-groups"]["dev"]
    assert unmet(wanted + project["build-system"]["requires"], lock("dev.txt")) == []


def test_both_locks_agree(lock):
    base, dev = pins(lock("base.txt")), pins(lock("dev.txt"))
    assert {name: dev.get(name) for name in base} == base


@pytest.mark.parametrize("name", ["base.txt", "dev.txt", "uv.txt"])
def test_every_pin_has_hashes_and_no_index_is_named(lock, name):
    blocks = re.split(r"(?m)^(?=\S)", lock(name))
    pinned = [block for block in blocks if PIN.match(block)]
    assert pinned
    assert all("--hash=sha256:" in block for block in pinned)
    assert "://" not in lock(name)
    assert not re.search(r"(?m)^\s*(-i|--index-url|--extra-index-url|--find-links)", lock(name))


def test_an_unmet_requirement_is_noticed():
    assert unmet(["rich>=14", "typer<1"], "rich==13.0\ntyper==0.20\n") == ["rich>=14"]


def test_every_library_that_is_imported_is_declared(project, modules):
    """What is imported and not declared works here and nowhere else."""
    named = project["project"]["dependencies"] + [
        each for extra in project["project"]["optional-dependencies"].values() for each in extra
    ]
    shipped = {Requirement(each).name.lower().replace("_", "-") for each in named}
    # What a declared library is made of: an adapter configures the client that its extra brings.
    shipped |= {"openai", "anthropic", "boto3", "botocore", "httpx2", "starlette", "pydantic-core"}
    for_tests = {Requirement(each).name.lower() for each in project["dependency-groups"]["dev"]}
    homes = packages_distributions()
    undeclared = set()
    for module in modules:
        allowed = shipped | (for_tests if module.name.startswith("folkmoot.testing") else set())
        for name in externals(module.tree):
            dists = {dist.lower().replace("_", "-") for dist in homes.get(name, [name])}
            if not dists & allowed:
                undeclared.add(f"{module.path}: {name}")
    assert not undeclared, "\n".join(sorted(undeclared))


def externals(tree: ast.Module) -> set[str]:
    """Return the top names of libraries that a module imports, wherever it does."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    tops = {name.partition(".")[0] for name in names}
    return tops - sys.stdlib_module_names - {"folkmoot"}
