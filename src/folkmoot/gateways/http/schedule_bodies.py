"""Bodies about schedules. Times of day are milliseconds since 1970 (UTC), lengths are seconds."""

from typing import Annotated, Literal

from pydantic import Field

from folkmoot.core.schedule import DAY_S, LONGEST_S, NAME, Kept, Schedule, comes
from folkmoot.gateways.http.bodies import Out
from folkmoot.gateways.http.given import In, Label

_Seconds = Annotated[float, Field(ge=0, le=LONGEST_S)]


class TimesBody(In):
    """What a schedule says: `cron` or `every_s`, not both."""

    agent: str = Field(min_length=1, max_length=200, description="The agent's name.")
    input: str = Field(min_length=1, description="What it is asked.")
    cron: str = Field(
        default="",
        max_length=200,
        description="Minute, hour, day of month, month, day of week; or `@daily` and its like.",
    )
    every_s: int | None = Field(
        default=None, ge=1, le=LONGEST_S, description="Instead of cron; counted from 1970 (UTC)."
    )
    timezone: str = Field(default="UTC", max_length=64, description="Of cron; an IANA name.")
    overlap: Literal["skip", "queue", "allow"] = "skip"
    missed: Literal["once", "skip"] = "once"
    grace_s: _Seconds = Field(
        default=60.0, description="How late a slot may come and is not missed."
    )
    jitter_s: Annotated[float, Field(ge=0, le=DAY_S)] = Field(
        default=0.0, description="Each slot comes later by up to this."
    )
    timeout_s: Annotated[float, Field(gt=0, le=LONGEST_S)] | None = Field(
        default=None, description="Time after which a run is given up."
    )
    priority: Literal["critical", "high", "normal", "low"] = "normal"
    labels: dict[Label, Label] = Field(default_factory=dict, max_length=48)
    enabled: bool = True

    def schedule(self, name: str) -> Schedule:
        """Return it as a schedule by this name."""
        given = {field: getattr(self, field) for field in TimesBody.model_fields}
        return Schedule(**given | {"name": name, "every_s": self.every_s or 0})


class ScheduleBody(TimesBody):
    """A schedule that is new, with its name."""

    name: str = Field(pattern=f"^{NAME}$", description="One of its kind in the store.")


class SlotsBody(Out):
    """How many slots were made runs, skipped for a run that went on, missed; runs made by hand."""

    fired: int
    skipped: int
    missed: int
    triggered: int


class KeptBody(Out):
    """A schedule, and how it went."""

    name: str
    agent: str
    input: str
    cron: str
    every_s: int | None
    timezone: str
    overlap: str
    missed: str
    grace_s: float
    jitter_s: float
    timeout_s: float | None
    priority: str
    labels: dict[str, str]
    enabled: bool = Field(description="What is declared. False: it makes no runs.")
    paused: bool = Field(description="Somebody has paused it.")
    source: str = Field(description="`file`: an agent file declares it; `api`: it was made here.")
    digest: str = Field(description="SHA-256 of what is declared.")
    next_slot: int | None = Field(description="The next slot; null when there is none any more.")
    next_at: int | None = Field(description="When it is due: the slot and its jitter.")
    waiting: int | None = Field(description="A slot that waits for the last run to be over.")
    last_slot: int | None
    last_run: str
    open: list[str] = Field(description="Its runs that were not over when somebody looked.")
    slots: SlotsBody
    error: str = Field(description="Why the slot could not be made a run; it is tried again.")
    tries: int
    retry_at: int | None
    created_at: int
    updated_at: int

    @classmethod
    def of(cls, kept: Kept) -> "KeptBody":
        """Return a schedule as a body."""
        declared, slot = kept.schedule, kept.next_slot if kept.active else None
        same = {
            name: getattr(declared if hasattr(declared, name) else kept, name)
            for name in cls.model_fields
            if hasattr(declared, name) or hasattr(kept, name)
        }
        more = {
            "every_s": declared.every_s or None,
            "digest": declared.digest(),
            "next_slot": slot,
            "next_at": None if slot is None else comes(declared, slot),
            "open": list(kept.open),
            "retry_at": kept.retry_at or None,
            "slots": SlotsBody(
                fired=kept.fired, skipped=kept.skipped, missed=kept.missed, triggered=kept.triggered
            ),
        }
        return cls(**same | more)


class SchedulesBody(Out):
    """A page of schedules, by name."""

    schedules: list[KeptBody]
    next: str | None = Field(
        description="Give it as `after` to get the next page; null at the end."
    )
