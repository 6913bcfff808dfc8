"""Loading an agent file: all of its mistakes at once, or the agent.

    bytes --text--> text --tree--> values with positions --file--> AgentFile --build--> Agent
                                                            checks: names, secrets, schemas

A mistake in the YAML itself ends there; mistakes in the form keep the agent from being built, so
what only the built agent can tell is told after they are mended.
"""

import posixpath
from collections.abc import Hashable
from pathlib import Path

import msgspec
from pydantic import ValidationError

from folkmoot.agents import checks, text
from folkmoot.agents import tree as trees
from folkmoot.agents.build import Home, build
from folkmoot.agents.explain import explain
from folkmoot.agents.file import AgentFile
from folkmoot.agents.include import Includes
from folkmoot.agents.known import Known
from folkmoot.agents.mistakes import Mistake, invalid, show
from folkmoot.agents.nodes import Spot
from folkmoot.agents.shelf import CONFIG, PROMPT, Folder, Shelf
from folkmoot.agents.tree import Tree
from folkmoot.core.agent import Agent

Stamps = tuple[tuple[str, Hashable], ...]


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a file: an agent, or the mistakes.

    `name` is its name on its shelf, `file` its name for people. `claims` is the agent's name as far
    as it can be read, `spot` where it stands. `cache` (seconds) is how long the file may be used
    before it is looked at again. `stamps` are of every file that was read for it.
    """

    name: str
    file: str
    agent: Agent | None = None
    claims: str = ""
    cache: float | None = None
    spot: Spot = Spot()
    mistakes: tuple[Mistake, ...] = ()
    stamps: Stamps = ()


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What every file of a shelf is loaded with: where its agents work, and what they may name.

    `beside`: a workspace is relative to the agent file. Otherwise it is relative to `workspaces`, and
    may not lead out of it: the author of a file that came over a network knows no path of ours.
    """

    workspaces: Path
    known: Known = Known()
    beside: Path | None = None


def load_file(path: Path, *, workspaces: Path, known: Known = Known()) -> Agent:  # noqa: B008 - frozen value
    """Return the agent that a file declares. Raises AgentFileInvalid with every mistake.

    An agent that names no workspace gets the folder of its name in `workspaces`.
    """
    loaded = look(path, workspaces=workspaces, known=known)
    if loaded.agent is None:
        raise invalid(str(path), loaded.mistakes)
    return loaded.agent


def check_file(path: Path, *, known: Known = Known()) -> list[Mistake]:  # noqa: B008 - frozen value
    """Return the mistakes of an agent file, in the order in which they stand; none when it is right."""
    return list(look(path, workspaces=Path(), known=known).mistakes)


def look(path: Path, *, workspaces: Path, known: Known) -> Loaded:
    """Return what a file on disk holds, as a value."""
    ground = Ground(workspaces=workspaces, known=known, beside=path.parent)
    return take(Folder(path.parent), path.name, ground)


def take(shelf: Shelf, name: str, ground: Ground) -> Loaded:
    """Return what a file of a shelf holds, as a value."""
    noting = _Noting(shelf)
    file = shelf.shown(name)
    words = text.read(noting, name)
    if not isinstance(words, str):
        return Loaded(name=name, file=file, mistakes=(words,), stamps=noting.stamps())
    tree = trees.grow(file, words)
    made = _agent(tree, noting, name, ground)
    found = Loaded(name=name, file=file, claims=_claims(tree), stamps=noting.stamps())
    if tree.mistakes or made is None:
        order = sorted(tree.mistakes, key=lambda one: (one.file != file, one.line, one.column))
        return msgspec.structs.replace(found, mistakes=tuple(order))
    agent, cache = made
    spot = tree.spot(("name",))
    return msgspec.structs.replace(found, agent=agent, cache=cache, spot=spot)


def _claims(tree: Tree) -> str:
    name = tree.data.get("name") if isinstance(tree.data, dict) else None
    return name if isinstance(name, str) else ""


def _agent(
    tree: Tree, shelf: Shelf, name: str, ground: Ground
) -> tuple[Agent, float | None] | None:
    _prompt_beside(tree, shelf, name)
    file = _file(tree)
    if file is None:
        return None
    home = _home(name, ground)
    agent = build(file, Includes(tree, shelf, name), home)
    found = [*checks.of_file(file)]
    if not tree.mistakes:
        found += checks.of_agent(agent, file, ground.known)
        if ground.beside is None:
            found += checks.of_stranger(agent, ground.workspaces)
    for place, problem, more in found:
        tree.note(place, problem, **more)
    return agent, file.cache


def _home(name: str, ground: Ground) -> Home:
    if ground.beside is None:
        return Home(ground.workspaces, ground.workspaces)
    return Home(ground.beside / posixpath.dirname(name), ground.workspaces)


def _prompt_beside(tree: Tree, shelf: Shelf, name: str) -> None:
    """In a folder of its own an agent's instructions are the prompt beside its file."""
    folder, file = posixpath.split(name)
    alone = bool(folder) and file == CONFIG and shelf.holds(posixpath.join(folder, PROMPT))
    if alone and isinstance(tree.data, dict):
        tree.data.setdefault("instructions", {"file": PROMPT})


def _file(tree: Tree) -> AgentFile | None:
    """Return the file as the schema sees it, or None with the mistakes noted."""
    if tree.data is None and not tree.mistakes:
        tree.note((), "the file is empty", expected="name, instructions and model at least")
    elif tree.data is not None and not isinstance(tree.data, dict):
        found = show(tree.data)
        tree.note((), "", expected="a mapping of fields, such as name: reader", found=found)
    if not isinstance(tree.data, dict):
        return None
    try:
        return AgentFile.model_validate(tree.data)
    except ValidationError as fault:
        explain(tree, fault)
        return None


class _Noting:
    """A shelf that notes the stamp of every file before somebody looks at it."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._seen: dict[str, Hashable] = {}

    def stamps(self) -> Stamps:
        return tuple(self._seen.items())

    def shown(self, name: str) -> str:
        return self._shelf.shown(name)

    def names(self) -> list[str]:
        return self._shelf.names()

    def stamp(self, name: str) -> Hashable:
        return self._shelf.stamp(name)

    def read(self, name: str) -> bytes | str:
        self._seen.setdefault(name, self._shelf.stamp(name))
        return self._shelf.read(name)

    def holds(self, name: str) -> bool | None:
        here = self._shelf.holds(name)
        if here is not None:
            self._seen.setdefault(name, self._shelf.stamp(name))
        return here
