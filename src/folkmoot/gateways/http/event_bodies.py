"""Bodies about events: what is published, and what could not be dealt with."""

import time
import uuid
from typing import Any, Literal

import msgspec
from pydantic import Field

from folkmoot.core import envelope as envelopes
from folkmoot.core import moment
from folkmoot.core.envelope import Envelope
from folkmoot.core.letters import Letter
from folkmoot.gateways.http.bodies import Out
from folkmoot.gateways.http.given import In


class EventBody(In):
    """An event. Only its type is needed."""

    event_type: str = Field(
        pattern=f"^{envelopes.TYPE}$", max_length=200, description="Words joined by dots."
    )
    event_id: str = Field(
        default="",
        pattern=f"^({envelopes.ID})?$",
        description="The same id is the same event; made here if left out.",
    )
    timestamp: str = Field(
        default="", max_length=40, description="When it happened (RFC 3339); now if left out."
    )
    payload: dict[str, Any] = Field(default_factory=dict, description="What happened.")
    priority: Literal["critical", "high", "normal", "low"] = "normal"
    ttl_seconds: float | None = Field(
        default=None, ge=0, description="It is dropped when it comes later than this."
    )
    source_agent_id: str | None = Field(default=None, max_length=200)
    source_service: str | None = Field(default=None, max_length=200)
    trace_id: str | None = Field(default=None, max_length=200)
    execution_id: str | None = Field(default=None, max_length=200)
    parent_event_id: str | None = Field(default=None, max_length=200)

    def envelope(self, key: str) -> Envelope:
        """Return it as an event; without an id of its own, a key gives it one."""
        given = self.model_dump(exclude={"event_id", "timestamp"})
        made = envelopes.name("key", key) if key else str(uuid.uuid4())
        now = moment.write(time.time_ns() // 1_000_000)
        return Envelope(event_id=self.event_id or made, timestamp=self.timestamp or now, **given)


class EmittedBody(Out):
    """An event that is on its way."""

    event_id: str


class LetterBody(Out):
    """An event that could not be dealt with. `event` is null when it could not even be read."""

    subscription: str = Field(description="The agent that it is for.")
    event_id: str
    event: dict[str, Any] | None = None
    raw: str = Field(description="What arrived, when it could not be read.")
    topic: str = Field(description="What it was published under, where the broker tells.")
    tries: int
    first_at: int
    last_at: int
    error: str

    @classmethod
    def of(cls, letter: Letter) -> "LetterBody":
        """Return a letter as a body."""
        return cls(
            subscription=letter.subscription,
            event_id=letter.id,
            event=None if letter.event is None else msgspec.to_builtins(letter.event),
            raw=letter.raw,
            topic=letter.topic,
            tries=letter.tries,
            first_at=letter.first_at,
            last_at=letter.last_at,
            error=letter.error,
        )


class LettersBody(Out):
    """A page of dead letters."""

    dead: list[LetterBody]
    next: str | None = None
