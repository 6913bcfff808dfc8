"""A folder of agent files (or one file) as a catalog.

Every `*.yaml` and `*.yml` directly in the folder is an agent file, but for hidden ones and for
scripts of the scripted model (`*.script.yaml`). A file with mistakes hides no other: its mistakes
are kept beside the agents that are right. Two files with one name are mistakes in both, and neither
is used: which of them is meant is not for us to guess.

Files are read when the directory is made and when `reload` is called, never in between. A reload
puts the new agents in place of the old ones at once; runs under way keep the definition that they
began with. An agent whose file is broken at a reload is gone until the file is right again.
"""

from collections import defaultdict
from pathlib import Path

from folkmoot.agents.known import Known
from folkmoot.agents.load import Loaded, look
from folkmoot.agents.mistakes import Mistake, near
from folkmoot.core.agent import Agent
from folkmoot.core.errors import AgentFileInvalid, AgentUnknown

_ENDINGS = frozenset({".yaml", ".yml"})


class Directory:
    """The agents of a folder or of a single file, and those added in code."""

    def __init__(
        self,
        path: Path,
        *,
        workspaces: Path,
        known: Known = Known(),  # noqa: B008 - frozen value
    ) -> None:
        """Read the folder. A folder that is not there holds no agents."""
        self._path, self._workspaces, self._known = path, workspaces, known
        self._added: dict[str, Agent] = {}
        self._agents: dict[str, Agent] = {}
        self._mistakes: tuple[Mistake, ...] = ()
        self.reload()

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The mistakes found by the last reading, file by file."""
        return self._mistakes

    def get(self, name: str) -> Agent:
        """Return an agent. Raises AgentUnknown."""
        agent = self._agents.get(name)
        if agent is not None:
            return agent
        parts = [near(name, self._agents).replace("did", "Did", 1)]
        if broken := sorted({mistake.file for mistake in self._mistakes}):
            parts.append(f"These files have mistakes and were not loaded: {', '.join(broken)}.")
        todo = " ".join(part for part in parts if part)
        raise AgentUnknown(f"There is no agent {name!r}.", todo=todo, agent=name)

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._agents)

    def add(self, agent: Agent) -> None:
        """Add an agent made in code; it stays over reloads. The same agent twice is one.

        Raises AgentFileInvalid when another agent has its name.
        """
        if self._agents.get(agent.name, agent) != agent:
            raise AgentFileInvalid(
                f"There is another agent named {agent.name!r} already.",
                kept="The one that was there first.",
                todo="Give one of them another name.",
            )
        self._added[agent.name] = agent
        self._agents = {**self._agents, agent.name: agent}

    def reload(self) -> tuple[Mistake, ...]:
        """Read everything again and return the mistakes."""
        loaded = [
            look(file, workspaces=self._workspaces, known=self._known) for file in files(self._path)
        ]
        mistakes = [mistake for one in loaded for mistake in one.mistakes]
        agents = dict(self._added)
        for name, ones in _by_name(loaded).items():
            if name in self._added:
                mistakes += [_taken(one, "an agent added in code") for one in ones]
            elif len(ones) > 1:
                mistakes += [_taken(one, _others(one, ones)) for one in ones]
            else:
                agents.update((one.agent.name, one.agent) for one in ones if one.agent)
        self._agents, self._mistakes = agents, tuple(mistakes)
        return self._mistakes


def files(path: Path) -> list[Path]:
    """Return the agent files of a folder, sorted; of a file, that file; of nothing, none."""
    if not path.is_dir():
        return [path] if path.exists() else []
    return sorted(file for file in path.iterdir() if _is_agent_file(file))


def _is_agent_file(file: Path) -> bool:
    hidden, script = file.name.startswith("."), file.stem.endswith(".script")
    return file.suffix in _ENDINGS and not hidden and not script and file.is_file()


def _by_name(loaded: list[Loaded]) -> dict[str, list[Loaded]]:
    found: dict[str, list[Loaded]] = defaultdict(list)
    for one in loaded:
        if one.agent is not None:
            found[one.agent.name].append(one)
    return found


def _others(one: Loaded, ones: list[Loaded]) -> str:
    return ", ".join(f"{other.file}:{other.spot.line}" for other in ones if other is not one)


def _taken(one: Loaded, others: str) -> Mistake:
    name = one.agent.name if one.agent else ""
    return Mistake(
        file=str(one.file),
        line=one.spot.line,
        column=one.spot.column,
        field="name",
        problem=f"the name {name!r} is also used by {others}",
        expected="a name that no other agent has",
        hint="neither file is used",
    )
