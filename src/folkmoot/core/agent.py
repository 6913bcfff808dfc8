"""An Agent: a declared worker. Pure description; the agent file is compiled to it.

Defaults are written out when an agent is encoded. msgspec would leave them out by identity and not by
equality, so that equal agents could have different digests.
"""

from typing import Any

import msgspec

from folkmoot.core import canonical
from folkmoot.core.schedule import Schedule
from folkmoot.core.spend import Price


class ModelChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which model, by which provider. `api_key_env` names a variable; the key itself is never here.

    `timeout_s` is for one call; `retries` are tries after the first. `settings` go to the provider.
    `options` belong to the adapter (the scripted model's script). `price` overrides the table.
    """

    provider: str
    name: str
    base_url: str = ""
    api_key_env: str = ""
    settings: dict[str, Any] = {}
    options: dict[str, Any] = {}
    timeout_s: float = 120.0
    retries: int = 3
    price: Price | None = None

    def __str__(self) -> str:
        """Return provider:name."""
        return f"{self.provider}:{self.name}"

    @property
    def place(self) -> str:
        """Where the model is asked: its provider, with the host where the agent names one."""
        if not self.base_url:
            return self.provider
        host = self.base_url.partition("://")[2].partition("/")[0].rpartition("@")[2]
        return f"{self.provider}@{host.lower()}"


class ToolUse(msgspec.Struct, frozen=True):
    """A tool that the agent may call, with its options."""

    name: str
    options: dict[str, Any] = {}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run must stop. None means no limit. `usd` in dollars, times in seconds."""

    iterations: int = 50
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None
    parallel_tools: int = 8
    tool_seconds: float = 60.0
    tool_output: int = 30_000


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What all runs of the agent together may spend, in dollars."""

    usd_per_day: float | None = None
    usd_per_month: float | None = None


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that need a person: a grant pattern, who may say yes, how many, for how long (seconds)."""

    match: str
    by: tuple[str, ...] = ()
    needs: int = 1
    expires_s: float | None = None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """How the conversation is kept within the model's window: `drop` or `summarise` the oldest."""

    policy: str = "summarise"
    max_tokens: int = 100_000
    keep_messages: int = 10


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON Schema that the reply must fit; `retries` invalid replies go back to the model."""

    schema: dict[str, Any]
    retries: int = 2


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts with fresh context after a failure that a fresh start may mend."""

    attempts: int = 1
    delay_s: float = 5.0
    factor: float = 2.0
    max_delay_s: float = 60.0


class Continuous(msgspec.Struct, frozen=True, kw_only=True):
    """How a conversation is kept: `summarise` or `drop` the oldest of more than `max_history` messages.

    `summarise` also sums it up once after `idle_s` seconds without a message, all but `keep_messages`.
    """

    idle_s: float = 600.0
    max_history: int = 100
    keep_messages: int = 10
    policy: str = "summarise"


class SandboxUse(msgspec.Struct, frozen=True, kw_only=True):
    """Where commands run. `plain_process` allows an unconfined process where no sandbox can be had."""

    kind: str = "bubblewrap"
    plain_process: bool = False
    network: bool = False
    memory_mb: int = 1024
    pids: int = 128
    cpu_seconds: int = 60
    env: tuple[str, ...] = ()


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """Events that start the agent: a pattern, the task as a template (empty: the payload), a priority."""

    event: str
    input: str = ""
    priority: str = ""


class QueueUse(msgspec.Struct, frozen=True, kw_only=True):
    """How the agent's runs come from the queue: at most `concurrency` at a time over the whole fleet.

    At least `interval_s` between the starts of two, `discovery_s` where it is work of the kind
    `discovery`. `breaker` False lets it fail as often as it likes.
    """

    concurrency: int = 0
    interval_s: float = 0.0
    discovery_s: float = 900.0
    breaker: bool = True


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """A declared worker: instructions, model, program, tools, grants, limits, times.

    `mode` is autonomous, continuous (it holds conversations) or scheduled; "" is as autonomous.
    """

    name: str
    instructions: str
    model: ModelChoice
    description: str = ""
    fallbacks: tuple[ModelChoice, ...] = ()
    program: str = "loop"
    options: dict[str, Any] = {}
    tools: tuple[ToolUse, ...] = ()
    grants: tuple[str, ...] = ()
    denies: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    sandbox: SandboxUse = SandboxUse()
    limits: Limits = Limits()
    budget: Budget = Budget()
    context: Context = Context()
    retry: Retry = Retry()
    mode: str = ""
    continuous: Continuous = Continuous()
    queue: QueueUse = QueueUse()
    output: Output | None = None
    triggers: tuple[Trigger, ...] = ()
    emits: tuple[str, ...] = ()
    workspace: str = ""
    schedules: tuple[Schedule, ...] = ()
    labels: dict[str, str] = {}

    def canonical(self) -> bytes:
        """Return the definition as canonical JSON: what the store keeps of it."""
        return canonical.encode(self)

    def digest(self) -> str:
        """Return the SHA-256 (hex) of that: a run keeps the definition it started with."""
        return canonical.digest(self)
