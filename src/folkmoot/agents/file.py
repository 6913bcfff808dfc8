"""The agent file: one schema for everything that can stand in it.

    text --nodes, tree--> values with positions --this schema--> AgentFile --build--> core Agent

Every field has a description and examples; the JSON Schema for editors (schema.py) and the page
docs/reference/agent-file.md are made of them, and tests hold both to this file.
"""

from functools import cache
from typing import Annotated, Any, Final

from pydantic import Field

from folkmoot.agents.later import Later, later
from folkmoot.agents.model import Model
from folkmoot.agents.part import GrantText, Part, PathText, RuleText
from folkmoot.agents.parts import (
    ApprovalPart,
    BudgetPart,
    ContextPart,
    ContinuousPart,
    LimitsPart,
    Mode,
    OutputPart,
    Program,
    QueuePart,
    RetryPart,
    SandboxPart,
    Text,
    Tool,
)
from folkmoot.agents.schedule import Schedules
from folkmoot.agents.triggers import End, TriggerPart
from folkmoot.agents.units import Span

# A name stands in budgets' scopes, paths and addresses, so it holds nothing that these take apart.
NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"


class AgentFile(Part):
    """An agent: instructions, a model, what it may use, and where it must stop."""

    name: str = Field(
        pattern=NAME,
        description="The agent's name, one of its kind: lower-case letters, digits, `-` and `_`.",
        examples=["reader"],
    )
    description: str = Field(
        default="",
        description="What the agent is for, in a line.",
        examples=["Reads a folder and reports."],
    )
    instructions: Text = Field(
        description="What the model is told before every task: text, or a file with the text.",
        examples=["You read files and answer briefly.", {"file": "prompts/reader.md"}],
    )
    model: Model = Field(
        description="Which model: `provider:name`, or a mapping.",
        examples=["anthropic:claude-sonnet-5-5", {"provider": "ollama", "name": "qwen3"}],
    )
    fallbacks: list[Model] = Field(
        default=[],
        description="Models that are asked, in order, when the first cannot answer.",
        examples=[["openai:gpt-5-mini"]],
    )
    program: Program = Field(
        default="loop",
        description="How the agent thinks: a program's name, or a mapping with its options.",
        examples=["loop", {"name": "loop", "options": {}}],
    )
    mode: Mode | None = Field(
        default=None,
        description="How it works: `autonomous` (each task alone; so if left out, with one attempt), `continuous` (long conversations), `scheduled` (tasks come from `schedule`).",
        examples=["continuous"],
    )
    tools: list[Tool] = Field(
        default=[],
        description="Tools that the agent may call, each with its options if it has any.",
        examples=[["files_read", {"shell": {}}]],
    )
    grants: list[GrantText] = Field(
        default=[],
        description="What tools may do beyond their ordinary, workspace-bound work.",
        examples=[["http:get:example.org/**"]],
    )
    deny: list[RuleText] = Field(
        default=[],
        description="What is never done, whatever is granted: grant patterns, or `tool:<name>`.",
        examples=[["files:write:secrets/**"]],
    )
    approvals: list[ApprovalPart] = Field(
        default=[],
        description="Calls that need people to agree first.",
        examples=[[{"match": "shell:run", "by": ["ann"], "expires": "1h"}]],
    )
    sandbox: SandboxPart = Field(
        default_factory=SandboxPart,
        description="Where commands run.",
        examples=[{"memory": "512MB"}],
    )
    limits: LimitsPart = Field(
        default_factory=LimitsPart,
        description="Where a run ends.",
        examples=[{"iterations": 20, "usd": 0.5, "time": "10m"}],
    )
    budget: BudgetPart = Field(
        default_factory=BudgetPart,
        description="What all runs of the agent together may spend.",
        examples=[{"usd_per_day": 5.0}],
    )
    context: ContextPart = Field(
        default_factory=ContextPart,
        description="How a long conversation is kept within the model's window.",
        examples=[{"policy": "drop", "max_tokens": 32_000}],
    )
    continuous: ContinuousPart | None = Field(
        default=None,
        description="Only `mode: continuous`: how conversations are kept.",
        examples=[{"idle": "30m", "max_history": 40}],
    )
    retry: RetryPart = Field(
        default_factory=RetryPart,
        description="Attempts with fresh context after a failure.",
        examples=[{"attempts": 3, "delay": "10s"}],
    )
    queue: QueuePart = Field(
        default_factory=QueuePart,
        description="How the agent's runs come from the queue.",
        examples=[{"concurrency": 2, "interval": "1m"}],
    )
    output: OutputPart | None = Field(
        default=None,
        description="A JSON Schema that the reply must fit.",
        examples=[{"schema": {"type": "object", "required": ["title"]}}],
    )
    schedule: Schedules = Field(
        default=[],
        description="Times at which the agent is asked something: a mapping, or a list of them.",
        examples=[{"cron": "0 7 * * 1-5", "input": "Report what is new."}],
    )
    triggers: list[TriggerPart] = Field(
        default=[],
        description="Events that start the agent; of several that fit an event the first counts.",
        examples=[[{"event": "orders.*.created", "input": "Check order {{ payload.id }}."}]],
    )
    emits: list[End] = Field(
        default=[],
        description="Ends of the agent's runs that are published as events.",
        examples=[["task.completed", "task.failed"]],
    )
    workspace: PathText | None = Field(
        default=None,
        min_length=1,
        description="Folder that tools work in, relative to the agent file; one of its own if left out.",
        examples=["../project"],
    )
    labels: dict[Annotated[str, Field(min_length=1)], str] = Field(
        default={}, description="Names and values of your own.", examples=[{"team": "docs"}]
    )

    cache: Span | None = Field(
        default=None,
        description="How long the file is used before its bucket is asked again; FOLKMOOT_AGENTS_TTL_S if left out. A folder is watched and needs none.",
        examples=["5m"],
    )

    channels: Later = later("channels")
    mcp: Later = later("mcp")
    skills: Later = later("skills")
    memory: Later = later("memory")
    delegates: Later = later("delegates")
    executor: Later = later("executor")
    tier: Later = later("tier")
    packet: Later = later("packet")
    targets: Later = later("targets")
    rate: Later = later("rate")
    egress: Later = later("egress")
    secrets: Later = later("secrets")


@cache
def form() -> dict[str, Any]:
    """Return the JSON Schema that pydantic makes of the file; not to be changed by who reads it."""
    return AgentFile.model_json_schema()
