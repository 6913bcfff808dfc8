"""What an act reaches: the permissions that patterns of the agent file are held against.

A deny or an approval that names one resource must also catch a need that names none, since such a
need may touch every resource, that one included. Grants are never stretched this way.
"""

from folkmoot.core import grants
from folkmoot.core.grants import Grant
from folkmoot.core.verdict import Act

TOOL = "tool"


def of(act: Act) -> tuple[Grant, ...]:
    """Return what the act needs; a tool call is also reached by `tool:<name>` and by its group's."""
    needs = tuple(need.grant for need in act.needs)
    if act.kind != TOOL:
        return needs
    names = dict.fromkeys((act.name, act.named or act.name))
    return (*needs, *(Grant(TOOL, name) for name in names))


def touches(pattern: str, need: Grant) -> bool:
    """Whether a pattern speaks of something that the need may touch. Raises Invalid."""
    service, _, name = pattern.partition(":")
    if service == TOOL:  # names of tools may have capitals, which grants do not
        return need.service == TOOL and name in {"*", need.action}
    rule = grants.parse(pattern)
    if rule.covers(need):
        return True
    return need.resource is None and Grant(rule.service, rule.action).covers(need)


def first(patterns: tuple[str, ...], act: Act) -> tuple[str, Grant] | None:
    """Return the first pattern that touches the act, with what it touches, or None."""
    if not patterns:
        return None
    reached = of(act)
    for pattern in patterns:
        for need in reached:
            if touches(pattern, need):
                return pattern, need
    return None
