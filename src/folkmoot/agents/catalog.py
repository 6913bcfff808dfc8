"""The agents of all sources, and those added in code: what was last good.

    sources --read--> files as they stand --merge--> what is in use --> get, names

Reading never blocks and never finds the catalog half changed: a round puts the new agents in place of
the old ones at once. Runs under way keep the definition that they began with.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from folkmoot.agents.load import Loaded
from folkmoot.agents.merge import Merged, merge
from folkmoot.agents.mistakes import Mistake, near
from folkmoot.agents.source import Source, Want
from folkmoot.core.agent import Agent
from folkmoot.core.errors import AgentFileInvalid, AgentUnknown, SourceFault


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What a round brought: names of agents, and what is wrong now.

    `fresh` are the mistakes, and `failed` the faults of sources, that were not there before.
    """

    came: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    fresh: tuple[Mistake, ...] = ()
    failed: tuple[SourceFault, ...] = ()
    back: tuple[str, ...] = ()


class Agents:
    """ports/catalog.py over sources."""

    def __init__(self, sources: Sequence[Source] = ()) -> None:
        """Take what the sources give at once; nothing is fetched."""
        self.sources: tuple[Source, ...] = tuple({one.shown: one for one in sources}.values())
        self._read: dict[str, tuple[Loaded, ...]] = {}
        self._faults: dict[str, SourceFault] = {}
        self._added: dict[str, Agent] = {}
        self._merged = Merged()
        self._one_round = asyncio.Lock()
        for source in self.sources:
            self._first(source)
        self._settle()

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The mistakes found by the last reading, file by file."""
        return self._merged.mistakes

    @property
    def faults(self) -> tuple[SourceFault, ...]:
        """Why sources could not be read the last time."""
        return tuple(self._faults.values())

    @property
    def kept(self) -> frozenset[str]:
        """The agents that stay in use as they were, because their file is broken now."""
        return self._merged.kept

    @property
    def files(self) -> list[Loaded]:
        """What the last reading of every file gave."""
        return [loaded for source in self.sources for loaded in self._read.get(source.shown, ())]

    def mistakes_of(self, loaded: Loaded) -> list[Mistake]:
        """Return the mistakes of a file, those that only show beside other files included."""
        beside = [m for m in self.mistakes if m.file == loaded.file and m not in loaded.mistakes]
        return [*loaded.mistakes, *beside]

    def get(self, name: str) -> Agent:
        """Return an agent. Raises AgentUnknown."""
        agent = self._merged.agents.get(name)
        if agent is not None:
            return agent
        parts = [near(name, self._merged.agents).replace("did", "Did", 1)]
        if broken := sorted({mistake.file for mistake in self.mistakes}):
            parts.append(f"These files have mistakes and were not loaded: {', '.join(broken)}.")
        if self._faults:
            parts.append(f"Not readable now: {', '.join(self._faults)}.")
        todo = " ".join(part for part in parts if part)
        raise AgentUnknown(f"There is no agent {name!r}.", todo=todo, agent=name)

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._merged.agents)

    def add(self, agent: Agent) -> None:
        """Add an agent made in code; it stays over reloads. The same agent twice is one.

        Raises AgentFileInvalid when another agent has its name.
        """
        if self._merged.agents.get(agent.name, agent) != agent:
            raise AgentFileInvalid(
                f"There is another agent named {agent.name!r} already.",
                kept="The one that was there first.",
                todo="Give one of them another name.",
            )
        self._added[agent.name] = agent
        self._settle()

    async def switch(self, sources: Sequence[Source]) -> None:
        """Read from these from now on; those that stay keep what was read from them.

        Raises SourceFault when one of the new ones cannot be read; then nothing has changed.
        """
        async with self._one_round:
            known = {source.shown: source for source in self.sources}
            new = [source for source in sources if source.shown not in known]
            read = await asyncio.gather(*(source.read(Want(now=True)) for source in new))
            self.sources = tuple(known.get(source.shown, source) for source in sources)
            shown = {source.shown for source in self.sources}
            self._read |= {one.shown: loaded for one, loaded in zip(new, read, strict=True)}
            self._read = {name: loaded for name, loaded in self._read.items() if name in shown}
            self._faults = {name: fault for name, fault in self._faults.items() if name in shown}
            self._settle()

    async def refresh(self, want: Want = Want()) -> News:  # noqa: B008 - frozen value
        """Have all sources read, side by side, and say what that brought."""
        async with self._one_round:
            mistakes, faults = set(self.mistakes), dict(self._faults)
            before = self._merged.agents
            await asyncio.gather(*(self._again(source, want) for source in self.sources))
            self._settle()
            return self._news(before, mistakes, faults)

    def _first(self, source: Source) -> None:
        try:
            self._read[source.shown] = source.first()
        except SourceFault as fault:
            self._faults[source.shown] = fault

    async def _again(self, source: Source, want: Want) -> None:
        try:
            self._read[source.shown] = await source.read(want)
        except SourceFault as fault:
            self._faults[source.shown] = fault
        else:
            self._faults.pop(source.shown, None)

    def _settle(self) -> None:
        self._merged = merge(self.files, self._merged, self._added)

    def _news(
        self, before: dict[str, Agent], mistakes: set[Mistake], faults: dict[str, SourceFault]
    ) -> News:
        now = self._merged.agents
        return News(
            came=tuple(sorted(now.keys() - before.keys())),
            changed=tuple(sorted(n for n in now.keys() & before.keys() if now[n] != before[n])),
            gone=tuple(sorted(before.keys() - now.keys())),
            fresh=tuple(one for one in self.mistakes if one not in mistakes),
            failed=tuple(f for name, f in self._faults.items() if name not in faults),
            back=tuple(sorted(faults.keys() - self._faults.keys())),
        )
