"""The rules of a YAML script: read strictly, compiled once.

    rules:
      - when: {turn: 0}                     # no reply of the model so far
        text: I look for files.
        calls: [{tool: glob, args: {pattern: "**/*.md"}}]
      - when: {result: glob}                # glob answered since the last reply
        calls: [{tool: read, each: "(last.text | lines)[:3]", args: {path: "{{ item }}"}}]
      - text: "Read {{ results | selectattr('name', 'eq', 'read') | list | length }} files."

Rules are asked in order; the first whose conditions all hold answers. A rule looks at the
conversation only, so the same conversation always gives the same reply, after a crash too. What a
rule may say is in docs/reference/models.md.
"""

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, Literal

import msgspec

from folkmoot.core.errors import Invalid, ModelRejected
from folkmoot.core.messages import ToolCall
from folkmoot.core.spend import Usage
from folkmoot.models.scene import Scene
from folkmoot.models.words import pattern

Fault = Literal[
    "rate_limit", "overloaded", "timeout", "unreachable", "garbled", "cut", "auth", "rejected", "too_long"
]  # fmt: skip
Words = str | list[str]
Check = Callable[[Scene], bool]
Names = dict[str, Any]
Make = Callable[[Names], Any]
Asks = Callable[[Names], Sequence[tuple[str, dict[str, Any]]]]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of a script; what it does not know is refused."""


class When(_Strict, frozen=True):
    """The conditions of a rule; all of them must hold."""

    turn: int | None = None
    attempt: int | None = None
    said: Words = ""
    matches: str = ""
    system: Words = ""
    result: Words = ""
    result_matches: str = ""
    failed: bool | None = None


class Call(_Strict, frozen=True):
    """A tool call; with `each`, one for every item of a list (`item`, `index` in its templates)."""

    tool: str
    args: dict[str, Any] = {}
    each: str = ""


class Counts(_Strict, frozen=True):
    """Tokens that the reply says it used, instead of the rough count."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


class Rule(_Strict, frozen=True):
    """One rule: when it answers, and what."""

    when: When = When()
    text: str = ""
    calls: list[Call] = []
    usage: Counts | None = None
    finish: Literal["stop", "tools", "length", "filtered"] | None = None
    fault: Fault | None = None
    times: int | None = None
    retry_after: float | None = None


class Compiled(msgspec.Struct, frozen=True):
    """A rule, ready to be asked. `text` is None when it is constant; `names` says who needs a scene's."""

    rule: Rule
    checks: tuple[Check, ...]
    text: Make | None
    calls: tuple[Asks, ...]
    names: bool
    usage: Usage | None
    replies: bool

    def fits(self, scene: Scene) -> bool:
        """Whether all conditions hold, and something is left to answer with."""
        for check in self.checks:
            if not check(scene):
                return False
        return self.replies or self.faults(scene)

    def faults(self, scene: Scene) -> bool:
        """Whether the rule's fault happens now."""
        rule = self.rule
        return rule.fault is not None and (rule.times is None or scene.attempt <= rule.times)

    def reply(self, scene: Scene) -> tuple[str, tuple[ToolCall, ...]]:
        """Return the reply's text and its tool calls; a call's id tells its turn and place."""
        names = scene.names() if self.names else {}
        text = self.rule.text if self.text is None else str(self.text(names))
        if not self.calls:
            return text, ()
        made = [pair for asks in self.calls for pair in asks(names)]
        return text, tuple(
            ToolCall(f"call_{scene.turn + 1}_{number}", name, args)
            for number, (name, args) in enumerate(made, 1)
        )


def compile_rules(data: Any, where: str) -> tuple[Compiled, ...]:
    """Return the rules that `data` (a list, or a mapping with `rules`) writes. Raises Invalid."""
    if isinstance(data, dict) and set(data) == {"rules"}:
        data = data["rules"]
    try:
        rules = msgspec.convert(data, Annotated[list[Rule], msgspec.Meta(min_length=1)])
        return tuple(compile_rule(rule) for rule in rules)
    except (msgspec.ValidationError, Invalid, re.error) as fault:
        reason = fault.message if isinstance(fault, Invalid) else str(fault)
    raise Invalid(
        f"The script {where} has a mistake: {reason}.",
        todo="See docs/reference/models.md for what a rule may say.",
    )


def turns(data: Any, where: str) -> tuple[Compiled, ...]:
    """Return rules for a plain list of replies: the first answers turn 0, and so on."""
    if not isinstance(data, list):
        raise Invalid(f"{where} must be a list of replies.")
    numbered = [
        {"when": {"turn": turn}, **reply} if isinstance(reply, dict) else reply
        for turn, reply in enumerate(data)
    ]
    return compile_rules(numbered, where)


def compile_rule(rule: Rule) -> Compiled:
    """Compile one rule."""
    counts = rule.usage
    text = _made(rule.text)
    calls = [_call(call) for call in rule.calls]
    return Compiled(
        rule=rule,
        checks=tuple(_checks(rule.when)),
        text=text,
        calls=tuple(asks for asks, _ in calls),
        names=text is not None or any(named for _, named in calls),
        usage=None if counts is None else Usage(*msgspec.structs.astuple(counts)),
        replies=bool(rule.text or rule.calls),
    )


def _checks(when: When) -> list[Check]:
    checks: list[Check] = []
    if when.turn is not None:
        checks.append(lambda scene: scene.turn == when.turn)
    if when.attempt is not None:
        checks.append(lambda scene: scene.attempt == when.attempt)
    if when.said:
        said = pattern(_many(when.said))
        checks.append(lambda scene: said.search(scene.said) is not None)
    if when.matches:
        matches = re.compile(when.matches)
        checks.append(lambda scene: matches.search(scene.said) is not None)
    if when.system:
        system = pattern(_many(when.system))
        checks.append(lambda scene: system.search(scene.request.system) is not None)
    return checks + _result_checks(when)


def _result_checks(when: When) -> list[Check]:
    """Conditions on the results since the last reply; all are about the same result."""
    if not (when.result or when.result_matches or when.failed is not None):
        return []
    names = set(_many(when.result)) if when.result else None
    text = re.compile(when.result_matches)

    def fits(result: dict[str, Any]) -> bool:
        return (
            (names is None or result["name"] in names)
            and (when.failed is None or result["error"] == when.failed)
            and text.search(result["text"]) is not None
        )

    return [lambda scene: any(fits(result) for result in scene.new)]


def _many(words: Words) -> list[str]:
    return [words] if isinstance(words, str) else words


def _made(value: Any) -> Make | None:
    """Return what makes a value with templates in it, or None for a constant."""
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        made_text: Make = _templates().text(value)
        return made_text
    if isinstance(value, dict):
        made = {key: _made(inner) for key, inner in value.items()}
        if any(made.values()):
            return lambda names: {
                key: value[key] if make is None else make(names) for key, make in made.items()
            }
    if isinstance(value, list):
        items = [_made(inner) for inner in value]
        if any(items):
            return lambda names: [
                inner if make is None else make(names)
                for inner, make in zip(value, items, strict=True)
            ]
    return None


def _call(call: Call) -> tuple[Asks, bool]:
    """Return what makes the calls, and whether it needs a scene's names."""
    made = _made(call.args)
    if call.each:
        return _each(call, made), True
    if made is None:
        constant = [(call.tool, call.args)]
        return lambda _: constant, False
    return lambda names: [(call.tool, made(names))], True


def _each(call: Call, made: Make | None) -> Asks:
    items = _templates().expression(call.each)

    def asks(names: Names) -> list[tuple[str, dict[str, Any]]]:
        found = items(names)
        if not isinstance(found, list):
            raise ModelRejected(f"The script's each {call.each!r} must give a list, not {found!r}.")
        if made is None:
            return [(call.tool, call.args) for _ in found]
        return [
            (call.tool, made({**names, "item": item, "index": index}))
            for index, item in enumerate(found)
        ]

    return asks


def _templates() -> ModuleType:
    """Return the template engine; only a script with braces pays for its import."""
    return import_module("folkmoot.models.templates")
