"""Rules: grants, denies and approvals of an agent file, held against what the tools here ask for.

A rule that can never fit anything protects nothing, and nobody would notice: `file:write` where the service
is `files`, a folder with a `/` at its end. So each is refused by what is known: services, their actions, and
the form in which a tool writes its resource. Where a tool was registered that does not say what it will ask
for, a service that nobody knows may be that tool's; then only what is nearly a known name is refused.
"""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches

from folkmoot.core.errors import Invalid
from folkmoot.core.grants import Grant, parse

ANY = "*"
_NEAR = 0.7
Form = Callable[[str], str]
"""Returns the form in which a pattern of a resource could fit, or the pattern itself."""


class Services:
    """What permissions the tools here ask for."""

    def __init__(self, forms: Mapping[str, Form]) -> None:
        """`forms`: of a service's resources."""
        self._forms = forms
        self._actions: dict[str, set[str]] = {"model": {"call"}}
        self.whole = True

    def add(self, service: str, actions: Iterable[str]) -> None:
        """Note what a tool asks for."""
        self._actions.setdefault(service, set()).update(actions)

    def check(self, rule: str) -> None:
        """Look at one rule. Raises Invalid for one that can never fit."""
        if rule.startswith("tool:"):
            return
        grant = parse(rule)
        if grant.service == ANY:
            return
        actions = self._actions.get(grant.service)
        if actions is None:
            self._unknown(rule, grant.service)
            return
        if grant.action not in {ANY, *actions}:
            raise _never(
                rule, f"{grant.service} has no action {grant.action!r}", actions, grant.action
            )
        form = self._forms.get(grant.service)
        if form is not None and grant.resource is not None:
            fits = form(grant.resource)
            if fits != grant.resource:
                wanted = Grant(grant.service, grant.action, fits)
                raise Invalid(f"{rule!r} can never fit anything.", todo=f"Write {str(wanted)!r}.")

    def _unknown(self, rule: str, service: str) -> None:
        near = get_close_matches(service, self._actions, 1, _NEAR)
        if near or self.whole:
            raise _never(rule, f"no tool here has a service {service!r}", self._actions, service)


def _never(rule: str, why: str, known: Iterable[str], word: str) -> Invalid:
    names = sorted(known)
    near = get_close_matches(word, names, 1, _NEAR)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return Invalid(
        f"{rule!r} can never fit anything: {why}.", todo=f"{hint}There are: {', '.join(names)}."
    )
