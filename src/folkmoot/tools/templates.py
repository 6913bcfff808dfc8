"""Templates of needs: `mail:send:{to}` becomes a permission when the arguments are known.

Only the resource may hold arguments, whole and by name. What a value does to the permission:

- a list gives one permission for each of its items;
- a value that is missing, null, a structure, or that writes `.`, `..` or an empty segment into the
  resource could mean anything: then the permission has no resource, which only a grant without a
  resource covers, and which every deny of the same service and action touches.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from string import Formatter
from typing import Any

import msgspec

from folkmoot.core.errors import Invalid
from folkmoot.core.grants import Grant, parse
from folkmoot.core.verdict import Need

_VAGUE = {"", ".", ".."}


class Template(msgspec.Struct, frozen=True):
    """One need. `pieces` are pairs of plain text and the name of an argument (or None)."""

    service: str
    action: str
    pieces: tuple[tuple[str, str | None], ...] | None
    ordinary: bool = False

    def needs(self, args: Mapping[str, Any]) -> tuple[Need, ...]:
        """Return the permissions that a call with these arguments needs."""
        if self.pieces is None:
            return (self._need(None),)
        ways = [self._texts(plain, name, args) for plain, name in self.pieces]
        if len(ways) == 1 and len(ways[0]) == 1:
            return (self._need(ways[0][0]),)
        resources = {None if None in way else "".join(map(str, way)) for way in product(*ways)}
        if not resources:  # an empty list of recipients: nothing is touched, but be careful
            return (self._need(None),)
        return tuple(self._need(resource) for resource in sorted(resources, key=str))

    def _need(self, resource: str | None) -> Need:
        if resource is not None and not _VAGUE.isdisjoint(resource.split("/")):
            resource = None
        return Need(Grant(self.service, self.action, resource), self.ordinary)

    @staticmethod
    def _texts(plain: str, name: str | None, args: Mapping[str, Any]) -> list[str | None]:
        if name is None:
            return [plain]
        value = args.get(name)
        values = value if isinstance(value, list | tuple | set) else [value]
        return [None if (text := _text(item)) is None else plain + text for item in values]


def compile_template(text: str, names: Iterable[str], *, ordinary: bool) -> Template:
    """Return the template that `text` writes over these argument names. Raises Invalid."""
    head = parse(text)
    if any(sign in f"{head.service}:{head.action}" for sign in "*{}"):
        raise Invalid(f"The need {text!r} must name its service and action outright.")
    if head.resource is None:
        return Template(head.service, head.action, None, ordinary)
    known = set(names)
    try:
        parts = list(Formatter().parse(head.resource))
    except ValueError as fault:
        raise Invalid(f"The need {text!r} cannot be read: {fault}.") from None
    for _, name, spec, conversion in parts:
        if name is not None and (name not in known or spec or conversion):
            raise Invalid(
                f"The need {text!r} holds {{{name}}}, which is not an argument of the tool.",
                todo=f"Use one of: {', '.join(sorted(known)) or 'none: it has no arguments'}.",
            )
    pieces = tuple((plain, name) for plain, name, _, _ in parts)
    return Template(head.service, head.action, pieces, ordinary)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None
