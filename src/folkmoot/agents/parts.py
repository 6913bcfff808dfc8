"""The other parts of an agent file: what stands under program, tools, sandbox, limits and so on."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, Tag, WithJsonSchema, model_validator

from folkmoot.agents.part import (
    MAPPING,
    TEXT,
    EnvName,
    Part,
    PathText,
    Positive,
    RuleText,
    Usd,
    either,
    wrong,
)
from folkmoot.agents.units import Duration, Size, Span


class FileText(Part):
    """Text that stands in a file of its own."""

    file: PathText = Field(
        min_length=1,
        description="A file, relative to the agent file, inside the agent file's folder.",
        examples=["prompts/reader.md"],
    )


def _some(text: str) -> str:
    if not text.strip():
        raise wrong("some text")
    return text


Text = Annotated[
    Annotated[str, Field(min_length=1), AfterValidator(_some), Tag(TEXT)]
    | Annotated[FileText, Tag(MAPPING)],
    either("text, or a mapping with `file`"),
]


class ProgramPart(Part):
    """How the agent thinks, with options."""

    name: str = Field(min_length=1, description="The program.", examples=["loop"])
    options: dict[str, Any] = Field(
        default={}, description="Options of the program.", examples=[{}]
    )


Program = Annotated[
    Annotated[str, Field(min_length=1), Tag(TEXT)] | Annotated[ProgramPart, Tag(MAPPING)],
    either("the name of a program, or a mapping with `name` and `options`"),
]


def _one_tool(tool: dict[str, dict[str, Any] | None]) -> dict[str, dict[str, Any] | None]:
    if len(tool) != 1:
        raise wrong("one tool and its options", "every tool is an item of the list")
    return tool


_Options = Annotated[
    dict[str, dict[str, Any] | None],
    AfterValidator(_one_tool),
    WithJsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"type": ["object", "null"]},
        }
    ),
]
Tool = Annotated[
    Annotated[str, Field(min_length=1), Tag(TEXT)] | Annotated[_Options, Tag(MAPPING)],
    either("the name of a tool, or a mapping of that name to its options"),
]


class ApprovalPart(Part):
    """Calls that need people to agree."""

    match: RuleText = Field(
        description="Which calls: a grant pattern, or `tool:<name>`.", examples=["shell:run"]
    )
    by: list[str] = Field(
        default=[], description="Who may agree; anyone if empty.", examples=[["ann"]]
    )
    needs: int = Field(default=1, ge=1, le=100, description="How many must agree.", examples=[2])
    expires: Span | None = Field(
        default=None,
        description="Time after which the call is denied; never if left out.",
        examples=["1h"],
    )

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.by and len(set(self.by)) < self.needs:
            raise wrong(
                f"at least {self.needs} different people under `by`", "or fewer under `needs`"
            )
        return self


class SandboxPart(Part):
    """Where the agent's commands run."""

    kind: Literal["bubblewrap", "process"] = Field(
        default="bubblewrap",
        description="`bubblewrap`, or `process`: a plain process (needs plain_process: true).",
        examples=["bubblewrap"],
    )
    plain_process: bool = Field(
        default=False,
        description="Allow an unconfined process where no sandbox can be had.",
        examples=[True],
    )
    network: bool = Field(
        default=False, description="Let commands reach the network.", examples=[False]
    )
    memory: Size = Field(
        default=1024,
        description="Memory of each process.",
        examples=["512MB"],
        json_schema_extra={"default": "1GiB"},
    )
    pids: Positive = Field(default=128, description="Processes at a time.", examples=[64])
    cpu_time: Span = Field(
        default=60.0, description="Processor time of each process.", examples=["30s"]
    )
    env: list[EnvName] = Field(
        default=[],
        description="Environment variables that commands are given, by name.",
        examples=[["LANG"]],
    )

    @model_validator(mode="after")
    def _said_so(self) -> Self:
        if self.kind == "process" and not self.plain_process:
            raise wrong(
                "plain_process: true beside kind: process",
                "a plain process can read and write whatever you can",
            )
        return self


class LimitsPart(Part):
    """The limits of one run."""

    iterations: int = Field(default=50, ge=1, description="Replies of the model.", examples=[20])
    tokens: Positive | None = Field(
        default=None, description="Tokens in and out, over the whole run.", examples=[200_000]
    )
    usd: Usd | None = Field(
        default=None, description="US dollars, over the whole run.", examples=[0.5]
    )
    time: Span | None = Field(
        default=None,
        description="Time from the start of the attempt, waiting included.",
        examples=["10m"],
    )
    parallel_tools: int = Field(
        default=8,
        ge=1,
        le=256,
        description="Tool calls of one reply that run side by side.",
        examples=[4],
    )
    tool_time: Span = Field(
        default=60.0, description="Time that one tool call may take.", examples=["30s"]
    )
    tool_output: int = Field(
        default=30_000,
        ge=100,
        description="Characters of a tool's result that the model sees.",
        examples=[8000],
    )


class BudgetPart(Part):
    """Money for all runs of the agent together."""

    usd_per_day: Usd | None = Field(
        default=None, description="US dollars in one day (UTC).", examples=[5.0]
    )
    usd_per_month: Usd | None = Field(
        default=None, description="US dollars in one calendar month (UTC).", examples=[60.0]
    )


class ContextPart(Part):
    """What the model is shown of a long conversation."""

    policy: Literal["summarise", "drop"] = Field(
        default="summarise",
        description="`summarise` the oldest messages, or `drop` them from the model's sight.",
        examples=["drop"],
    )
    max_tokens: int = Field(
        default=100_000,
        ge=100,
        description="Tokens (estimated) that the model is shown.",
        examples=[32_000],
    )
    keep_messages: Positive = Field(
        default=10, description="Messages at the end that stay as they are.", examples=[6]
    )


def _known_mode(text: Any) -> Any:
    if text == "collaborative":
        raise wrong(
            "autonomous, continuous or scheduled",
            "collaborative agents come with the moot, in a later version; submit to each agent from outside",
        )
    return text


Mode = Annotated[Literal["autonomous", "continuous", "scheduled"], BeforeValidator(_known_mode)]


class ContinuousPart(Part):
    """How a continuous agent keeps its conversations."""

    idle: Span = Field(
        default=600.0,
        description="Time without a message after which a conversation is summed up, once.",
        examples=["30m"],
    )
    max_history: int = Field(
        default=100,
        ge=2,
        le=100_000,
        description="Messages that the model is shown; of more, the oldest go.",
        examples=[40],
    )
    keep_messages: Positive = Field(
        default=10,
        description="Messages at the end that a summary leaves as they are.",
        examples=[6],
    )
    policy: Literal["summarise", "drop"] = Field(
        default="summarise",
        description="`summarise` the oldest messages, or `drop` them from the model's sight; who drops sums nothing up.",
        examples=["drop"],
    )

    @model_validator(mode="after")
    def _room(self) -> Self:
        if self.keep_messages >= self.max_history:
            raise wrong("keep_messages below max_history", "a summary must make room")
        return self


class RetryPart(Part):
    """Attempts with fresh context, after a failure that a fresh start may mend."""

    attempts: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Attempts in all. With `mode: autonomous` or `scheduled` written out, 3 if left out.",
        examples=[3],
    )
    delay: Duration = Field(
        default=5.0, description="Time before the second attempt.", examples=["10s"]
    )
    factor: float = Field(
        default=2.0, ge=1, description="What each further delay is multiplied by.", examples=[1.5]
    )
    max_delay: Duration = Field(default=60.0, description="The longest delay.", examples=["5m"])


class QueuePart(Part):
    """How the agent's runs come from the queue, over the whole fleet."""

    concurrency: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Runs of the agent that go on at a time; 0 is no limit.",
        examples=[2],
    )
    interval: Duration = Field(
        default=0.0, description="Least time between the starts of two runs.", examples=["1m"]
    )
    discovery_interval: Duration = Field(
        default=900.0,
        description="Least time between the starts of two runs that look for work (tasks of the kind `discovery`).",
        examples=["15m"],
    )
    breaker: bool = Field(
        default=True,
        description="Leave the agent alone for a while after five failures in a row.",
        examples=[False],
    )


class OutputPart(Part):
    """The form that the reply must have: a JSON Schema, here or in a file."""

    schema_: dict[str, Any] | None = Field(
        default=None,
        alias="schema",
        description="A JSON Schema.",
        examples=[{"type": "object", "properties": {"title": {"type": "string"}}}],
    )
    file: PathText | None = Field(
        default=None,
        min_length=1,
        description="A file (YAML or JSON) with the JSON Schema, relative to the agent file.",
        examples=["summary.schema.json"],
    )
    retries: int = Field(
        default=2,
        ge=0,
        le=20,
        description="Replies that do not fit and go back to the model.",
        examples=[1],
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.schema_ is None) == (self.file is None):
            raise wrong("either `schema` or `file`")
        return self
