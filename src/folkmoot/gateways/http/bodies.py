"""What goes out: the bodies of answers. The OpenAPI document is made of these and of given.py.

Times are milliseconds since 1970 (UTC).
"""

from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from folkmoot.core.agent import Agent
from folkmoot.core.run import Run, RunState
from folkmoot.core.spend import Spend
from folkmoot.core.trace import trace_id
from folkmoot.ports.desk import Health, Question, Verified
from folkmoot.ports.store import Counts


class Out(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True)


class SpendBody(Out):
    """What a run has used. `usd` is for showing; `nanos` (1e-9 USD) are exact."""

    input_tokens: int
    output_tokens: int
    nanos: int
    uncertain_nanos: int
    usd: float
    model_calls: int
    tool_calls: int

    @classmethod
    def of(cls, spend: Spend) -> "SpendBody":
        """Return a spend as a body."""
        return cls(
            input_tokens=spend.input,
            output_tokens=spend.output,
            nanos=spend.nanos,
            uncertain_nanos=spend.uncertain,
            usd=spend.usd,
            model_calls=spend.model_calls,
            tool_calls=spend.tool_calls,
        )


class RunBody(Out):
    """A run."""

    id: str
    agent: str
    state: RunState
    final: bool = Field(description="Whether nothing more happens unless it is retried.")
    waits_for: str = Field(description="What a waiting run waits for.")
    output: str = Field(description="The reply, when it succeeded.")
    error: str = Field(description="A code and a sentence, when it did not.")
    attempt: int
    priority: str
    source: str
    labels: dict[str, str]
    created_at: int
    updated_at: int
    ready_at: int
    wake_at: int | None
    deadline: int | None
    head: int = Field(description="The journal's last entry at the last change of state.")
    definition: str = Field(description="SHA-256 of the agent's definition that this run keeps.")
    worker: str
    trace_id: str
    spend: SpendBody

    @classmethod
    def of(cls, run: Run) -> "RunBody":
        """Return a run as a body."""
        same = {
            name: getattr(run, name)
            for name in cls.model_fields
            if name not in {"final", "trace_id", "spend"}
        }
        return cls(
            **same, final=run.state.final, trace_id=trace_id(run.id), spend=SpendBody.of(run.spend)
        )


class RunsBody(Out):
    """A page of runs, newest first."""

    runs: list[RunBody]
    next: str | None = Field(
        description="Give it as `before` to get the next page; null at the end."
    )


class EntryBody(Out):
    """One entry of a journal. `body` depends on `kind`: see docs/reference/journal.md."""

    run: str
    seq: int
    at: int
    kind: str
    hash: str = Field(description="Hex; chains this entry to the one before.")
    body: dict[str, Any]


class JournalBody(Out):
    """A part of a journal, in order."""

    entries: list[EntryBody]
    next: int | None = Field(
        description="Give it as `after` to get the next part; null at the end."
    )


class ToldBody(Out):
    """A signal was kept for the run."""

    run: str
    kind: str
    new: bool = Field(description="False when this Idempotency-Key was heard before.")


class QuestionBody(Out):
    """An approval that a run waits for."""

    run: str
    agent: str
    approval: str
    act: str
    reason: str
    policy: str
    args: dict[str, Any]
    digest: str = Field(description="SHA-256 of the exact call; the approval binds to it.")
    needs: int
    by: list[str]
    yes: list[str]
    expires_at: int | None

    @classmethod
    def of(cls, question: Question) -> "QuestionBody":
        """Return a question as a body."""
        return cls.model_validate(msgspec.to_builtins(question), strict=False)


class QuestionsBody(Out):
    """All approvals that are waited for."""

    questions: list[QuestionBody]


class AgentBody(Out):
    """An agent as it is declared. Options of tools and settings of models are not shown."""

    name: str
    description: str
    instructions: str
    model: str
    fallbacks: list[str]
    program: str
    tools: list[str]
    grants: list[str]
    denies: list[str]
    limits: dict[str, int | float | None]
    budget: dict[str, int | float | None]
    labels: dict[str, str]
    definition: str

    @classmethod
    def of(cls, agent: Agent) -> "AgentBody":
        """Return an agent as a body."""
        return cls(
            name=agent.name,
            description=agent.description,
            instructions=agent.instructions,
            model=str(agent.model),
            fallbacks=[str(choice) for choice in agent.fallbacks],
            program=agent.program,
            tools=[tool.name for tool in agent.tools],
            grants=list(agent.grants),
            denies=list(agent.denies),
            limits=msgspec.structs.asdict(agent.limits),
            budget=msgspec.structs.asdict(agent.budget),
            labels=agent.labels,
            definition=agent.digest(),
        )


class HeldBackBody(Out):
    """An agent that failed: how often in a row; how often its breaker opened since it last succeeded."""

    agent: str
    failures: int
    trips: int
    until: int = Field(
        description="No run of the agent begins before (ms, UTC); 0 while it is not held."
    )


class AgentsBody(Out):
    """The agents that are declared here."""

    agents: list[AgentBody]
    held_back: list[HeldBackBody] = Field(description="Agents that failed lately, by name.")


class ClearedBody(Out):
    """Whether there was something to forget."""

    cleared: bool


class BrokenBody(Out):
    """A place where the ledger does not hold."""

    run: str
    seq: int = Field(description="0 when the journal's end is missing.")
    reason: str


class VerifiedBody(Out):
    """The outcome of a verification."""

    ok: bool
    runs: int
    entries: int
    broken: list[BrokenBody]

    @classmethod
    def of(cls, verified: Verified) -> "VerifiedBody":
        """Return an outcome as a body."""
        broken = [
            BrokenBody(run=one.run, seq=one.seq, reason=one.reason) for one in verified.broken
        ]
        return cls(ok=not broken, runs=verified.runs, entries=verified.entries, broken=broken)


class StatusBody(Out):
    """How the system stands."""

    version: str
    states: dict[str, int] = Field(description="Runs by state.")
    workers: int
    outbox: int
    bytes: int

    @classmethod
    def of(cls, counts: Counts, version: str) -> "StatusBody":
        """Return counts as a body; states without runs are 0."""
        return cls(
            version=version,
            states={state.value: counts.states.get(state, 0) for state in RunState},
            workers=counts.workers,
            outbox=counts.outbox,
            bytes=counts.bytes,
        )


class PartBody(Out):
    """The health of one part."""

    name: str
    ok: bool
    critical: bool
    detail: str | None = Field(
        default=None, description="Told only to callers who may use the API."
    )


class HealthBody(Out):
    """Whether work can be done now."""

    ready: bool
    failing: list[str] = Field(description="The parts that do not work.")
    parts: list[PartBody]
    active: int
    capacity: int

    @classmethod
    def of(cls, health: Health, *, trusted: bool) -> "HealthBody":
        """Return a health as a body."""
        return cls(
            ready=health.ready,
            failing=[part.name for part in health.parts if not part.ok],
            parts=[
                PartBody(
                    name=part.name,
                    ok=part.ok,
                    critical=part.critical,
                    detail=part.detail if trusted else None,
                )
                for part in health.parts
            ],
            active=health.active,
            capacity=health.capacity,
        )


class LiveBody(Out):
    """The process answers."""

    status: Literal["alive"] = "alive"


class FieldError(Out):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(Out):
    """An error, as RFC 9457 describes them. `code` is stable: match it, not the texts."""

    type: str
    title: str
    status: int
    detail: str = Field(description="What happened.")
    instance: str
    code: str
    kept: str = Field(description="What was kept.")
    todo: str = Field(description="What to do.")
    trace_id: str
    errors: list[FieldError] | None = None
    details: dict[str, Any] | None = None
