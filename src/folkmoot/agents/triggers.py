"""What starts an agent by itself, in an agent file: kinds of events, and what is told of others."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from folkmoot.agents.part import Part, wrong
from folkmoot.core import envelope, fill
from folkmoot.core.errors import Invalid

# Kinds of triggers that somebody may look for here, and what does their work today.
ELSEWHERE: Final[Mapping[str, str]] = {
    "message": "publish an event of your own for each message: POST /v1/events",
    "webhook": "let what receives it publish an event: POST /v1/events",
    "slack": "let what receives it publish an event: POST /v1/events",
    "cron": "start runs at times with the field schedule, or with `folkmoot submit` from cron",
    "schedule": "start runs at times with the field schedule, or with `folkmoot submit` from cron",
}


def _pattern(text: str) -> str:
    if len(text) > 200 or not re.fullmatch(envelope.WANTED, text):  # noqa: PLR2004 - as a type
        raise wrong(
            "words joined by dots, such as orders.*.created", "`*` is one word, `#` any number"
        )
    return text


def _template(text: str) -> str:
    try:
        unknown = [path for path in fill.places(text) if _first(path) not in envelope.FIELDS]
    except Invalid as fault:
        raise wrong(
            "a text with places such as {{ payload.id }}", fault.message.rstrip(".")
        ) from None
    if unknown:
        known = ", ".join(envelope.FIELDS)
        raise wrong(f"places that begin with a field of the event ({known})", unknown[0])
    return text


def _first(path: str) -> str:
    return path.partition(".")[0]


Pattern = Annotated[
    str,
    AfterValidator(_pattern),
    WithJsonSchema({"type": "string", "pattern": f"^{envelope.WANTED}$", "maxLength": 200}),
]
Template = Annotated[str, AfterValidator(_template), WithJsonSchema({"type": "string"})]


class TriggerPart(Part):
    """A kind of event that starts the agent."""

    event: Pattern = Field(
        description="Which events: their type, with `*` for one word and `#` for any number.",
        examples=["orders.*.created"],
    )
    input: Template = Field(
        default="",
        description="The task, with places for what the event holds; its payload as JSON if left out.",
        examples=["Check order {{ payload.id }}: {{ payload }}"],
    )
    priority: Literal["critical", "high", "normal", "low"] | None = Field(
        default=None,
        description="How urgent the run is; as the event if left out.",
        examples=["high"],
    )

    @model_validator(mode="before")
    @classmethod
    def _kind(cls, value: Any) -> Any:
        """Refuse what others call a trigger, with what to do instead."""
        for name in _others(value):
            raise wrong("a trigger of the kind `event`", ELSEWHERE[name])
        return value


def _others(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and "event" not in value:
        yield from (name for name in value if name in ELSEWHERE)


End = Literal["task.completed", "task.failed", "task.timeout", "task.cancelled"]
