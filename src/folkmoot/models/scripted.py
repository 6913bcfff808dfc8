"""The scripted model: deterministic, offline, public. It replays a script instead of thinking.

A script is one of three things, looked for in this order:

    options.turns    a list of replies, one for each turn, in the agent file itself
    options.script   the path of a YAML file with rules (models/rules.py)
    model.name       the name of a Python function that was registered with `Models.script`

The reply depends on the conversation and on nothing else, so that a run that goes on after a crash
hears what it would have heard. The one thing that is remembered is how often a turn of a run was
asked, and only for a script that speaks of `times` or `attempt`: a fault that happens twice must
know that it has. That memory is small, is lost with the process, and is keyed by the run's id
(the first part of the effect id) and the turn.

A Python script is given the Request and returns an Answer, a text, or an awaitable of either. It
must be pure for the same reason. An Answer without usage is counted like the others.
"""

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import yaml

from folkmoot.core import errors
from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import Invalid, ModelFault, ModelRejected, ModelUnknown
from folkmoot.core.spend import Usage
from folkmoot.models import rules
from folkmoot.models.counting import rough_usage
from folkmoot.models.scene import Scene
from folkmoot.ports.model import Answer, Delta, Request

Said = Answer | str
Script = Callable[[Request], Said | Awaitable[Said]]

_PIECES = re.compile(r"\s*\S+\s*|\s+")
_REMEMBERED = 4096
_NOTHING = Usage()
_FAULTS: dict[str, tuple[type[ModelFault], str]] = {
    "rate_limit": (errors.RateLimited, "too many requests"),
    "overloaded": (errors.Overloaded, "overloaded"),
    "timeout": (errors.ModelTimeout, "no answer in time"),
    "unreachable": (errors.ModelUnreachable, "not reachable"),
    "garbled": (errors.ReplyGarbled, "an unreadable reply"),
    "cut": (errors.ReplyGarbled, "a stream that was cut"),
    "auth": (errors.ModelAuth, "refused credentials"),
    "rejected": (errors.ModelRejected, "a refused request"),
    "too_long": (errors.ContextTooLong, "a conversation that is too long"),
}


class Scripted:
    """A Model that replays a script."""

    def __init__(self, choice: ModelChoice, scripts: Mapping[str, Script]) -> None:
        """Load the script of a choice. Raises Invalid (a mistake in it) or ModelUnknown."""
        self._name = choice.name
        self._script: Script | None = None
        self._rules: tuple[rules.Compiled, ...] = ()
        self._asked: OrderedDict[tuple[str, int], int] = OrderedDict()
        options = choice.options
        if unknown := set(options) - {"turns", "script"}:
            raise Invalid(
                f"The scripted model has no option {min(unknown)!r}; it has turns and script."
            )
        if "turns" in options:
            self._rules = rules.turns(options["turns"], f"{choice}: options.turns")
        elif "script" in options:
            self._rules = _read(Path(options["script"]))
        else:
            self._script = _named(choice.name, scripts)
        self._counts = any(
            r.rule.times is not None or r.rule.when.attempt is not None for r in self._rules
        )

    async def call(self, request: Request, delta: Delta | None = None) -> Answer:
        """Answer as the script says."""
        if self._script is not None:
            answer = await self._ask(self._script, request)
        else:
            answer = self._play(request, delta)
        if delta is not None and answer.text:
            for piece in _PIECES.findall(answer.text):
                delta(piece)
        return answer

    async def close(self) -> None:
        """Nothing is held."""

    def _play(self, request: Request, delta: Delta | None) -> Answer:
        scene = Scene(request)
        if self._counts:
            scene.attempt = self._count(request.effect, scene.turn)
        rule = self._choose(scene)
        if rule.faults(scene):
            self._fail(rule, scene, delta)
        text, calls = rule.reply(scene)
        return Answer(
            text=text,
            calls=calls,
            usage=rule.usage or rough_usage(request, text, calls),
            finish=rule.rule.finish or ("tools" if calls else "stop"),
            model=self._name,
        )

    def _choose(self, scene: Scene) -> rules.Compiled:
        for rule in self._rules:
            if rule.fits(scene):
                return rule
        last = scene.new[-1]["name"] if scene.new else ""
        raise ModelRejected(
            f"No rule of the script answers turn {scene.turn} "
            f"(last result: {last or 'none'}; last words: {scene.said[:80]!r}).",
            todo="Add a rule, or one without `when` at the end for everything else.",
        )

    def _fail(self, rule: rules.Compiled, scene: Scene, delta: Delta | None) -> None:
        """Raise the rule's fault; a cut stream shows half of its text first."""
        kind = rule.rule.fault or ""
        if kind == "cut" and delta is not None:
            text, _ = rule.reply(scene)
            pieces = _PIECES.findall(text)
            for piece in pieces[: len(pieces) // 2]:
                delta(piece)
        fault, words = _FAULTS[kind]
        raise fault(
            f"The scripted model {self._name!r} plays {words}.", retry_after=rule.rule.retry_after
        )

    def _count(self, effect: str, turn: int) -> int:
        """Return how often this turn of this run was asked, this time included."""
        key = (effect.partition("/")[0], turn)
        asked = self._asked.pop(key, 0) + 1
        self._asked[key] = asked
        if len(self._asked) > _REMEMBERED:
            self._asked.popitem(last=False)
        return asked

    async def _ask(self, script: Script, request: Request) -> Answer:
        said = script(request)
        if isinstance(said, str | Answer):
            answer = said
        else:
            answer = await said
        if isinstance(answer, str):
            return Answer(text=answer, usage=rough_usage(request, answer), model=self._name)
        if answer.usage == _NOTHING:
            usage = rough_usage(request, answer.text, answer.calls)
            return msgspec.structs.replace(answer, usage=usage)
        return answer


def _read(path: Path) -> tuple[rules.Compiled, ...]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        reason = " ".join(str(fault).split())
    else:
        return rules.compile_rules(data, str(path))
    raise Invalid(f"The script {path} cannot be read: {reason}.", todo="Correct options.script.")


def _named(name: str, scripts: Mapping[str, Script]) -> Script:
    script = scripts.get(name)
    if script is None:
        known = ", ".join(sorted(scripts)) or "none"
        raise ModelUnknown(
            f"The scripted model {name!r} has no script. Registered functions: {known}.",
            todo="Give options.turns or options.script, or register a function by that name.",
        )
    return script
