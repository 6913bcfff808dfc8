"""What the schema cannot say: names that must exist, things that exclude each other, secrets.

Every check yields a place, what is wrong, and what else is known of it (expected, found, hint).
"""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path as FilePath
from typing import Any, Final

from folkmoot.agents.build import SCRIPTED
from folkmoot.agents.file import AgentFile
from folkmoot.agents.known import Known
from folkmoot.agents.mistakes import Path, choices, near
from folkmoot.agents.model import ModelPart
from folkmoot.agents.output import flaw as schema_flaw
from folkmoot.core.agent import Agent, ModelChoice, ToolUse
from folkmoot.core.errors import FolkmootError
from folkmoot.core.schedule import flaw

Found = Iterator[tuple[Path, str, dict[str, str]]]

_FILE_LINE: Final = re.compile(r"file:\s*\S+")
_SECRET_NAMES: Final = frozenset(
    {"api_key", "apikey", "access_token", "auth_token", "token", "secret", "client_secret"}
    | {"password", "authorization", "x_api_key"}
)


def of_file(file: AgentFile) -> Found:
    """Look at the file alone."""
    if isinstance(file.instructions, str) and _FILE_LINE.fullmatch(file.instructions.strip()):
        hint = {"hint": "write instructions: {file: …}"}
        yield ("instructions",), "this is text that looks like the name of a file", hint
    for place, model in _parts(file):
        yield from _model(place, model)
    yield from _mode(file)
    names = [tool if isinstance(tool, str) else next(iter(tool)) for tool in file.tools]
    for at, name in enumerate(names):
        if name in names[:at]:
            yield ("tools", at), f"the tool {name!r} stands twice", {}
        tool = file.tools[at]
        if isinstance(tool, dict):
            yield from _secrets(tool[name], ("tools", at, name))


def of_agent(agent: Agent, file: AgentFile, known: Known) -> Found:
    """Look at the agent that was made of the file, and at the names it uses."""
    yield from _workspace(agent, file)
    yield from _output(agent, file)
    yield from _program(agent, known)
    yield from _rules(file, known)
    yield from _choice(("model",), agent.model, file.model, known)
    for at, (choice, part) in enumerate(zip(agent.fallbacks, file.fallbacks, strict=True)):
        yield from _choice(("fallbacks", at), choice, part, known)
    for at, use in enumerate(agent.tools):
        written: Path = () if isinstance(file.tools[at], str) else (use.name,)
        yield from _tool(("tools", at, *written), agent, use, known)
    yield from _schedules(agent, file, known)


def of_stranger(agent: Agent, workspaces: FilePath) -> Found:
    """Look at an agent that came over a network: it works in a folder of ours, and nowhere else."""
    if not FilePath(agent.workspace).is_relative_to(workspaces.resolve()):
        expected = f"a folder within {workspaces}"
        yield ("workspace",), "this lies outside the workspaces", {"expected": expected}


def _parts(file: AgentFile) -> Iterator[tuple[Path, ModelPart]]:
    """Yield the models that are written as mappings."""
    if isinstance(file.model, ModelPart):
        yield ("model",), file.model
    for at, model in enumerate(file.fallbacks):
        if isinstance(model, ModelPart):
            yield ("fallbacks", at), model


def _mode(file: AgentFile) -> Found:
    if file.mode == "scheduled" and not file.schedule:
        hint = {"hint": "write its times under `schedule`"}
        yield ("mode",), "scheduled tasks come from `schedule`, which is not there", hint
    if file.continuous is not None and file.mode != "continuous":
        hint = {"hint": "write mode: continuous"}
        yield ("continuous",), "belongs to continuous agents", hint


def _model(place: Path, part: ModelPart) -> Found:
    scripted = part.provider == SCRIPTED
    if not part.name and not (scripted and (part.script or part.turns)):
        yield (*place, "name"), "is missing", {"expected": "the model's name"}
    for field in ("script", "turns"):
        if getattr(part, field) and not scripted:
            yield (*place, field), "belongs to the provider `scripted`", {}
    if part.options and scripted:
        hint = {"hint": "write `script` or `turns` under model"}
        yield (*place, "options"), "the provider `scripted` takes none", hint
    if part.script and part.turns:
        yield (*place, "turns"), "stands beside `script`", {"expected": "one of the two"}
    yield from _secrets(part.settings, (*place, "settings"))
    yield from _secrets(part.options, (*place, "options"))


def _secrets(options: Mapping[str, Any] | None, place: Path) -> Found:
    """Refuse what is named like a secret: a definition is stored, shown and logged."""
    for name, value in (options or {}).items():
        if name.lower().replace("-", "_") in _SECRET_NAMES and isinstance(value, str):
            hint = "name an environment variable in api_key_env or sandbox.env"
            yield (*place, name), "a secret never stands in an agent file", {"hint": hint}
        elif isinstance(value, dict):
            yield from _secrets(value, (*place, name))


def _workspace(agent: Agent, file: AgentFile) -> Found:
    written = file.workspace or ""
    if written.startswith("~") or "${" in written:
        yield ("workspace",), "nothing is filled in here", {"expected": "a path as it is"}
    elif os.path.lexists(agent.workspace) and not os.path.isdir(agent.workspace):  # noqa: PTH112 - a path that is too long is no fault here
        yield ("workspace",), "this is not a folder", {"found": agent.workspace}


def _output(agent: Agent, file: AgentFile) -> Found:
    wrong = None if agent.output is None else schema_flaw(agent.output.schema)
    if wrong is None or file.output is None:
        return
    inside, message = wrong
    place = ("output", "file") if file.output.file else ("output", "schema", *inside)
    yield place, f"this is not a valid JSON Schema: {message}", {}


def _choice(place: Path, choice: ModelChoice, part: str | ModelPart, known: Known) -> Found:
    missing = list(_one_of(place, "provider", choice.provider, known.providers))
    yield from missing
    if known.model is not None and not missing:
        yield from _asked((*place, *_told(part)), partial(known.model, choice))


def _told(part: str | ModelPart) -> Path:
    """Return where the options of a model are written."""
    if isinstance(part, str):
        return ()
    fields = ("turns", "script", "options")
    return next(((field,) for field in fields if getattr(part, field)), ())


def _rules(file: AgentFile, known: Known) -> Found:
    """A misspelt rule would deny nothing, and nobody would be asked: say so. Grants alike."""
    rules: list[tuple[Path, str]] = [(("grants", at), rule) for at, rule in enumerate(file.grants)]
    rules += [(("deny", at), rule) for at, rule in enumerate(file.deny)]
    for at, approval in enumerate(file.approvals):
        rules.append((("approvals", at, "match"), approval.match))
    for place, rule in rules:
        service, _, name = rule.partition(":")
        if service == "tool" and name != "*":
            yield from _one_of(place, "tool", name, known.tools)
        elif known.rule is not None:
            yield from _asked(place, partial(known.rule, rule))


def _program(agent: Agent, known: Known) -> Found:
    missing = list(_one_of(("program",), "program", agent.program, known.programs))
    yield from missing
    if known.program is not None and not missing:
        check = known.program
        yield from _asked(("program",), lambda: check(agent))


def _tool(place: Path, agent: Agent, use: ToolUse, known: Known) -> Found:
    missing = list(_one_of(place, "tool", use.name, known.tools))
    yield from missing
    if known.tool is not None and not missing:
        check = known.tool
        yield from _asked(place, lambda: check(agent, use.name, use.options))


def _schedules(agent: Agent, file: AgentFile, known: Known) -> Found:
    several = isinstance(file.schedule, list)
    for at, schedule in enumerate(agent.schedules):
        place: Path = ("schedule", at) if several else ("schedule",)
        part = file.schedule[at] if isinstance(file.schedule, list) else file.schedule
        if part.every is not None and not part.every.is_integer():
            yield (*place, "every"), "", {"expected": "whole seconds"}
        elif wrong := flaw(schedule):
            yield place, wrong.rstrip("."), {}
        elif known.schedule is not None:
            field = ("cron",) if schedule.cron and not schedule.every_s else ()
            yield from _asked((*place, *field), partial(known.schedule, schedule))


def _one_of(place: Path, what: str, name: str, words: Collection[str] | None) -> Found:
    if words is not None and name not in words:
        hint = {"hint": near(name, words), "expected": choices(words)}
        yield place, f"there is no {what} {name!r}", hint


def _asked(place: Path, check: Callable[[], object]) -> Found:
    try:
        check()
    except FolkmootError as fault:
        yield place, fault.message.rstrip("."), {"hint": fault.todo.rstrip(".")}
