"""From an agent file to the Agent: files read in, units turned into ours, choices made whole.

What this does to the digest. It covers what the agent *is*: spaces, comments, the order of keys and
defaults written out do not count; neither does where the agent file lies, nor the files that it
names: their content is what counts. The workspace does count, as an absolute real path: a run goes
on where it began, and an agent that works in another folder is another agent. So two machines give
the same digest exactly when the workspace lies at the same path on both.
"""

import os
from decimal import ROUND_CEILING, Decimal
from math import ceil
from pathlib import Path
from typing import Any

import msgspec

from folkmoot.agents.file import AgentFile
from folkmoot.agents.include import Includes
from folkmoot.agents.mistakes import Path as Place
from folkmoot.agents.model import ModelPart, PricePart
from folkmoot.agents.parts import ApprovalPart, ContinuousPart, FileText, ProgramPart
from folkmoot.agents.schedule import schedules
from folkmoot.core.agent import (
    Agent,
    Approval,
    Budget,
    Context,
    Continuous,
    Limits,
    ModelChoice,
    Output,
    QueueUse,
    Retry,
    SandboxUse,
    ToolUse,
    Trigger,
)
from folkmoot.core.spend import Price

SCRIPTED = "scripted"
_ALONE, _ATTEMPTS_ALONE = ("autonomous", "scheduled"), 3


class Home(msgspec.Struct, frozen=True):
    """Where the agent file lies, and where agents without a workspace get theirs."""

    folder: Path
    workspaces: Path


def build(file: AgentFile, includes: Includes, home: Home) -> Agent:
    """Return the agent. Mistakes in files that are read in are noted by `includes`."""
    program, options = _program(file.program)
    return Agent(
        name=file.name,
        description=file.description.strip(),
        instructions=_instructions(file, includes),
        model=_model(file.model, includes, ("model",)),
        fallbacks=tuple(
            _model(model, includes, ("fallbacks", at)) for at, model in enumerate(file.fallbacks)
        ),
        program=program,
        options=options,
        tools=tuple(_tool(tool) for tool in file.tools),
        grants=tuple(file.grants),
        denies=tuple(file.deny),
        approvals=tuple(_approval(rule) for rule in file.approvals),
        sandbox=_sandbox(file),
        limits=_limits(file),
        budget=Budget(**file.budget.model_dump()),
        context=Context(**file.context.model_dump()),
        retry=_retry(file),
        mode=file.mode or "",
        continuous=_continuous(file),
        queue=_queue(file),
        output=_output(file, includes),
        triggers=tuple(
            Trigger(event=part.event, input=part.input, priority=part.priority or "")
            for part in file.triggers
        ),
        emits=tuple(sorted(set(file.emits))),
        workspace=str(workspace(file, home)),
        schedules=schedules(file.name, file.schedule),
        labels=file.labels,
    )


def workspace(file: AgentFile, home: Home) -> Path:
    """Return the real path of the agent's folder, whether it is there already or not."""
    if file.workspace is None:
        return _real(home.workspaces / file.name)
    return _real(home.folder / file.workspace)


def _real(path: Path) -> Path:
    """Return the real path; links in a circle stay as they are, for the checks to find."""
    return Path(os.path.realpath(path))


def _instructions(file: AgentFile, includes: Includes) -> str:
    if isinstance(file.instructions, FileText):
        place = ("instructions", "file")
        return includes.text(file.instructions.file, place).strip()
    return file.instructions.strip()


def _program(part: str | ProgramPart) -> tuple[str, dict[str, Any]]:
    return (part, {}) if isinstance(part, str) else (part.name, part.options)


def _model(part: str | ModelPart, includes: Includes, place: Place) -> ModelChoice:
    if isinstance(part, str):
        provider, _, name = part.partition(":")
        return ModelChoice(provider=provider, name=name)
    return ModelChoice(
        provider=part.provider,
        name=part.name or Path(part.script).name.partition(".")[0] or "script",
        base_url=part.base_url,
        api_key_env=part.api_key_env or "",
        settings=part.settings,
        options=_options(part, includes, place),
        timeout_s=part.timeout,
        retries=part.retries,
        price=None if part.price is None else _price(part.price),
    )


def _options(part: ModelPart, includes: Includes, place: Place) -> dict[str, Any]:
    """Return the adapter's options; a script file becomes part of the agent."""
    if part.turns:
        return {"turns": part.turns}
    if not part.script:
        return part.options
    rules = includes.values(part.script, (*place, "script"))
    if isinstance(rules, dict) and set(rules) == {"rules"}:
        rules = rules["rules"]
    if isinstance(rules, list):
        # A turn without `when` answers its own number only; a rule without it answers always.
        return {"turns": [{"when": {}, **r} if isinstance(r, dict) else r for r in rules]}
    includes.refuse((*place, "script"), "a list of rules, or a mapping with `rules`", rules)
    return {}


def _price(part: PricePart) -> Price:
    """Return the price in nanos a token, rounded up: a budget is never passed by a fraction."""
    return Price(
        input=_nanos(part.input),
        output=_nanos(part.output),
        cache_read=None if part.cache_read is None else _nanos(part.cache_read),
        cache_write=None if part.cache_write is None else _nanos(part.cache_write),
    )


def _nanos(usd: float) -> int:
    """Return dollars per million tokens as nanos per token."""
    return int((Decimal(str(usd)) * 1000).to_integral_value(ROUND_CEILING))


def _tool(part: str | dict[str, dict[str, Any] | None]) -> ToolUse:
    if isinstance(part, str):
        return ToolUse(part)
    [(name, options)] = part.items()
    return ToolUse(name, options or {})


def _approval(part: ApprovalPart) -> Approval:
    by = tuple(dict.fromkeys(part.by))
    return Approval(match=part.match, by=by, needs=part.needs, expires_s=part.expires)


def _sandbox(file: AgentFile) -> SandboxUse:
    part = file.sandbox
    return SandboxUse(
        kind=part.kind,
        plain_process=part.plain_process,
        network=part.network,
        memory_mb=part.memory,
        pids=part.pids,
        cpu_seconds=ceil(part.cpu_time),
        env=tuple(part.env),
    )


def _limits(file: AgentFile) -> Limits:
    part = file.limits
    return Limits(
        iterations=part.iterations,
        tokens=part.tokens,
        usd=part.usd,
        seconds=part.time,
        parallel_tools=part.parallel_tools,
        tool_seconds=part.tool_time,
        tool_output=part.tool_output,
    )


def _retry(file: AgentFile) -> Retry:
    part, attempts = file.retry, file.retry.attempts
    if file.mode in _ALONE and "attempts" not in part.model_fields_set:
        attempts = _ATTEMPTS_ALONE
    return Retry(
        attempts=attempts, delay_s=part.delay, factor=part.factor, max_delay_s=part.max_delay
    )


def _continuous(file: AgentFile) -> Continuous:
    part = file.continuous or ContinuousPart()
    return Continuous(
        idle_s=part.idle,
        max_history=part.max_history,
        keep_messages=part.keep_messages,
        policy=part.policy,
    )


def _queue(file: AgentFile) -> QueueUse:
    part = file.queue
    return QueueUse(
        concurrency=part.concurrency,
        interval_s=part.interval,
        discovery_s=part.discovery_interval,
        breaker=part.breaker,
    )


def _output(file: AgentFile, includes: Includes) -> Output | None:
    part = file.output
    if part is None:
        return None
    if part.file is None:
        return Output(schema=part.schema_ or {}, retries=part.retries)
    place = ("output", "file")
    schema = includes.values(part.file, place)
    if isinstance(schema, dict):
        return Output(schema=schema, retries=part.retries)
    includes.refuse(place, "a mapping (a JSON Schema)", schema)
    return None
