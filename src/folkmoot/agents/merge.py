"""From what the files say now, and what was in use before, to what is in use.

A file that breaks, or a second file that takes an agent's name, never takes a working agent away:
the version from before stays, and the mistake is told. What is deleted is gone. Where nothing was in use
before, two files with one name are mistakes in both, and neither is used: which of them is meant is
not for us to guess.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from folkmoot.agents.load import Loaded
from folkmoot.agents.mistakes import Mistake
from folkmoot.core.agent import Agent


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """The agents by name, the file that each came from, what is wrong in which file.

    `kept` are the names of those that stay in use although their file is broken.
    """

    agents: dict[str, Agent] = {}
    homes: dict[str, str] = {}
    kept: frozenset[str] = frozenset()
    mistakes: tuple[Mistake, ...] = ()


def merge(loaded: Sequence[Loaded], before: Merged, added: Mapping[str, Agent]) -> Merged:
    """Return what is in use now. `added` were made in code, and no file may take their names."""
    agents, homes = dict(added), {}
    mistakes = [mistake for one in loaded for mistake in one.mistakes]
    for name, ones in _by_name(loaded).items():
        chosen, refused = _choose(name, ones, before, added)
        mistakes += refused
        if chosen is not None and chosen.agent is not None:
            agents[name], homes[name] = chosen.agent, chosen.file
    kept = _kept(loaded, before, agents)
    for name in kept:
        agents[name], homes[name] = before.agents[name], before.homes[name]
    return Merged(agents=agents, homes=homes, kept=frozenset(kept), mistakes=tuple(mistakes))


def _by_name(loaded: Sequence[Loaded]) -> dict[str, list[Loaded]]:
    found: dict[str, list[Loaded]] = defaultdict(list)
    for one in loaded:
        if one.agent is not None:
            found[one.agent.name].append(one)
    return found


def _choose(
    name: str, ones: list[Loaded], before: Merged, added: Mapping[str, Agent]
) -> tuple[Loaded | None, list[Mistake]]:
    """Return the file that has the name, and the mistakes of the others."""
    if name in added:
        return None, [
            _taken(one, "an agent added in code", "the one in code is used") for one in ones
        ]
    if len(ones) == 1:
        return ones[0], []
    holder = next((one for one in ones if one.file == before.homes.get(name)), None)
    if holder is None:
        return None, [_taken(one, _others(one, ones), "neither file is used") for one in ones]
    hint = f"{holder.file} had it first and stays in use"
    return holder, [_taken(one, _others(one, ones), hint) for one in ones if one is not holder]


def _kept(loaded: Sequence[Loaded], before: Merged, agents: Mapping[str, Agent]) -> list[str]:
    """Return who stays in use although no file declares it now: a broken one did, or claims to."""
    broken = [one for one in loaded if one.agent is None]
    files, claims = {one.file for one in broken}, {one.claims for one in broken}
    doubled = {one.agent.name for one in loaded if one.agent is not None}
    return [
        name
        for name, home in before.homes.items()
        if name not in agents and (home in files or name in claims or name in doubled)
    ]


def _others(one: Loaded, ones: list[Loaded]) -> str:
    return ", ".join(f"{other.file}:{other.spot.line}" for other in ones if other is not one)


def _taken(one: Loaded, others: str, hint: str) -> Mistake:
    name = one.agent.name if one.agent else ""
    return Mistake(
        file=one.file,
        line=one.spot.line,
        column=one.spot.column,
        field="name",
        problem=f"the name {name!r} is also used by {others}",
        expected="a name that no other agent has",
        hint=hint,
    )
