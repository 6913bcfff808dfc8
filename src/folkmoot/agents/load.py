"""Loading an agent file: all of its mistakes at once, or the agent.

    bytes --source--> text --tree--> values with positions --file--> AgentFile --build--> Agent
                                                              checks: names, secrets, schemas

A mistake in the YAML itself ends there; mistakes in the form keep the agent from being built, so
what only the built agent can tell is told after they are mended.
"""

from pathlib import Path

import msgspec
from pydantic import ValidationError

from folkmoot.agents import checks, source
from folkmoot.agents import tree as trees
from folkmoot.agents.build import Home, build
from folkmoot.agents.explain import explain
from folkmoot.agents.file import AgentFile
from folkmoot.agents.include import Includes
from folkmoot.agents.known import Known
from folkmoot.agents.mistakes import Mistake, invalid, show
from folkmoot.agents.nodes import Spot
from folkmoot.agents.tree import Tree
from folkmoot.core.agent import Agent


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a file: an agent, or the mistakes. `spot` is where its name stands."""

    file: Path
    agent: Agent | None = None
    spot: Spot = Spot()
    mistakes: tuple[Mistake, ...] = ()


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
    """Return what a file holds, as a value."""
    text = source.read(path)
    if not isinstance(text, str):
        return Loaded(file=path, mistakes=(text,))
    tree = trees.grow(str(path), text)
    agent = _agent(tree, Home(path.parent, workspaces), known)
    if tree.mistakes or agent is None:
        order = sorted(tree.mistakes, key=lambda one: (one.file != str(path), one.line, one.column))
        return Loaded(file=path, mistakes=tuple(order))
    return Loaded(file=path, agent=agent, spot=tree.spot(("name",)))


def _agent(tree: Tree, home: Home, known: Known) -> Agent | None:
    file = _file(tree)
    if file is None:
        return None
    agent = build(file, Includes(tree, home.folder), home)
    found = [*checks.of_file(file)]
    if not tree.mistakes:
        found += checks.of_agent(agent, file, known)
    for place, problem, more in found:
        tree.note(place, problem, **more)
    return agent


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
