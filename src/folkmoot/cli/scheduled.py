"""Schedules between a terminal and the system: the options that say one, the words that show one."""

from typing import Annotated

import typer

from folkmoot.cli.options import Options
from folkmoot.cli.text import many, span, when
from folkmoot.core.errors import ScheduleInvalid
from folkmoot.core.schedule import Kept, Schedule, comes

_MS = 1000
_NOTHING = "Nothing was scheduled."
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class Given(Options, frozen=True, kw_only=True):
    """When, and how."""

    cron: Annotated[
        str, typer.Option("--cron", metavar="EXPR", help="Five fields, or @daily and its like.")
    ] = ""
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="Instead of --cron: 30s, 15m, 1h.")
    ] = ""
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="ZONE", help="Time zone of --cron.")
    ] = "UTC"
    overlap: Annotated[
        str,
        typer.Option(
            "--overlap", metavar="WORD", help="While its last run goes on: skip, queue or allow."
        ),
    ] = "skip"
    missed: Annotated[
        str, typer.Option("--missed", metavar="WORD", help="After an outage: once or skip.")
    ] = "once"
    grace: Annotated[
        str, typer.Option("--grace", metavar="TIME", help="How late a slot is not missed.")
    ] = "60s"
    jitter: Annotated[
        str, typer.Option("--jitter", metavar="TIME", help="Each slot comes later by up to this.")
    ] = "0s"
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="When a run is given up.")
    ] = ""
    priority: Annotated[
        str, typer.Option("--priority", metavar="WORD", help="critical, high, normal or low.")
    ] = "normal"
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=VALUE", help="Label of the runs; may be repeated."),
    ] = None


def asked(name: str, agent: str, text: str, given: Given) -> Schedule:
    """Return the schedule that was asked for. Raises ScheduleInvalid."""
    every = _seconds("--every", given.every)
    if not every.is_integer():
        raise ScheduleInvalid("--every takes whole seconds.", kept=_NOTHING)
    return Schedule(
        name=name,
        agent=agent,
        input=text,
        cron=given.cron,
        every_s=int(every),
        timezone=given.timezone,
        overlap=given.overlap,
        missed=given.missed,
        grace_s=_seconds("--grace", given.grace),
        jitter_s=_seconds("--jitter", given.jitter),
        timeout_s=_seconds("--timeout", given.timeout) if given.timeout else None,
        priority=given.priority,
        labels=dict(_label(text) for text in given.label or ()),
    )


def _seconds(option: str, text: str) -> float:
    from pydantic_core import PydanticCustomError  # noqa: PLC0415 - pydantic is not for --help

    from folkmoot.agents.units import DURATION, seconds  # noqa: PLC0415

    try:
        return seconds(float(text) if text.isdecimal() else text) if text else 0.0
    except PydanticCustomError:
        raise ScheduleInvalid(
            f"{option} is {text!r}.", kept=_NOTHING, todo=f"Write {DURATION}."
        ) from None


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ScheduleInvalid(f"--label is {text!r}.", kept=_NOTHING, todo="Write NAME=VALUE.")
    return name, value


def row(kept: Kept) -> tuple[str, ...]:
    """Return a schedule as a line of the table."""
    said = kept.schedule
    last = "" if kept.last_slot is None else when(kept.last_slot)
    counts = (str(kept.fired), str(kept.skipped), str(kept.missed))
    return (said.name, said.agent, _times(said), _next(kept), last, *counts, _state(kept))


def facts(kept: Kept) -> dict[str, str]:
    """Return a schedule in words, by name; empty ones are not worth a line."""
    said = kept.schedule
    slots = f"{kept.fired} fired, {kept.skipped} skipped, {kept.missed} missed"
    return {
        "schedule": said.name,
        "agent": said.agent,
        "input": said.input,
        "when": _times(said),
        "overlap": said.overlap,
        "missed": f"{said.missed} (after {span(said.grace_s * _MS)})",
        "jitter": span(said.jitter_s * _MS) if said.jitter_s else "",
        "timeout": span(said.timeout_s * _MS) if said.timeout_s else "",
        "source": said.source,
        "state": _state(kept),
        "next": _next(kept),
        "last": "" if kept.last_slot is None else f"{when(kept.last_slot)}  {kept.last_run}",
        "slots": slots + (f", {kept.triggered} by hand" if kept.triggered else ""),
        "error": f"{kept.error} ({many(kept.tries, 'time')})" if kept.error else "",
    }


def _times(said: Schedule) -> str:
    if said.every_s:
        return f"every {_length(said.every_s)}"
    return said.cron if said.timezone == "UTC" else f"{said.cron} {said.timezone}"


def _length(seconds: int) -> str:
    """Return a length in the largest unit that tells it exactly."""
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}"


def _next(kept: Kept) -> str:
    if not kept.active or kept.next_slot is None:
        return ""
    return when(comes(kept.schedule, kept.next_slot))


def _state(kept: Kept) -> str:
    if not kept.schedule.enabled:
        return "disabled"
    if kept.paused:
        return "paused"
    if kept.error:
        return f"fails: {kept.error}"
    return "waits for its last run" if kept.waiting is not None else "active"
