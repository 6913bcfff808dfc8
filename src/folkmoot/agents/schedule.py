"""The schedules in an agent file: when the agent is asked, and what."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Discriminator, Field, Tag

from folkmoot.agents.part import MAPPING, Part, wrong
from folkmoot.agents.units import Duration, Span
from folkmoot.core.schedule import DAY_S, FILE, LONGEST_S, Schedule

_LIST = "<list>"


class SchedulePart(Part):
    """Times at which the agent is asked something."""

    name: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?$",
        description="Told apart by this; the schedule is `<agent>.<name>`. Left out: `<agent>`, or its place in the list.",
        examples=["mornings"],
    )
    cron: str = Field(
        default="",
        max_length=200,
        description="Minute, hour, day of month, month, day of week; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.",
        examples=["0 7 * * 1-5"],
    )
    every: Span | None = Field(
        default=None,
        description="Instead of `cron`: the time from one run to the next, in whole seconds, counted from 1970 (UTC).",
        examples=["15m"],
    )
    timezone: str = Field(
        default="UTC",
        max_length=64,
        description="Time zone of `cron`, by its IANA name.",
        examples=["Europe/Berlin"],
    )
    input: str = Field(
        min_length=1, description="What the agent is asked.", examples=["Report what is new."]
    )
    overlap: Literal["skip", "queue", "allow"] = Field(
        default="skip",
        description="While a run of this schedule still goes on: `skip` the slot, let one wait (`queue`), or `allow` a second run.",
        examples=["queue"],
    )
    missed: Literal["once", "skip"] = Field(
        default="once",
        description="After an outage: `once` makes one run for all slots that were missed, `skip` makes none.",
        examples=["skip"],
    )
    grace: Duration = Field(
        default=60.0,
        le=LONGEST_S,
        description="How late a slot may come and is not missed.",
        examples=["10m"],
    )
    jitter: Duration = Field(
        default=0.0,
        le=DAY_S,
        description="Each slot comes later by up to this, always the same for the same slot.",
        examples=["30s"],
    )
    timeout: Span | None = Field(
        default=None,
        le=LONGEST_S,
        description="Time after which a run is given up; never if left out.",
        examples=["5m"],
    )
    priority: Literal["critical", "high", "normal", "low"] = Field(
        default="normal", description="Priority of the runs.", examples=["low"]
    )
    labels: dict[Annotated[str, Field(min_length=1)], str] = Field(
        default={}, description="Labels of the runs.", examples=[{"team": "docs"}]
    )
    enabled: bool = Field(
        default=True, description="Whether it makes runs at all.", examples=[False]
    )


def _which(value: Any) -> str | None:
    if isinstance(value, list):
        return _LIST
    return MAPPING if isinstance(value, dict | BaseModel) else None


def _own(part: SchedulePart, at: int, of: int) -> str:
    """Return what a schedule is told apart by; `at` counts from 1."""
    return part.name or (str(at) if of > 1 else "")


def _apart(parts: list[SchedulePart]) -> list[SchedulePart]:
    names = [_own(part, at, len(parts)) for at, part in enumerate(parts, 1)]
    if len(set(names)) < len(names):
        raise wrong("names that differ")
    return parts


_Several = Annotated[
    list[SchedulePart], Field(min_length=1, max_length=100), AfterValidator(_apart)
]
Schedules = Annotated[
    Annotated[SchedulePart, Tag(MAPPING)] | Annotated[_Several, Tag(_LIST)],
    Discriminator(
        _which,
        custom_error_type="either",
        custom_error_message="expected {expected}",
        custom_error_context={"expected": "a mapping with `cron` or `every`, or a list of them"},
    ),
]


def schedules(agent: str, given: SchedulePart | list[SchedulePart]) -> tuple[Schedule, ...]:
    """Return the schedules of an agent, by names that nobody else has."""
    parts = given if isinstance(given, list) else [given]
    return tuple(_schedule(agent, part, at, len(parts)) for at, part in enumerate(parts, 1))


def _schedule(agent: str, part: SchedulePart, at: int, of: int) -> Schedule:
    own = _own(part, at, of)
    return Schedule(
        name=f"{agent}.{own}" if own else agent,
        agent=agent,
        input=part.input,
        cron=part.cron,
        every_s=int(part.every or 0),
        timezone=part.timezone,
        overlap=part.overlap,
        missed=part.missed,
        jitter_s=part.jitter,
        grace_s=part.grace,
        timeout_s=part.timeout,
        priority=part.priority,
        labels=part.labels,
        enabled=part.enabled,
        source=FILE,
    )
