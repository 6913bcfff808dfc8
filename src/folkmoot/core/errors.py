"""Everything that can go wrong, as one tree.

    FolkmootError
    ├── Invalid             what was given cannot be used
    │   ├── AgentFileInvalid    a mistake in an agent file (file, line, field, what was expected)
    │   ├── SettingsInvalid     a mistake in the settings
    │   ├── AssignmentInvalid   a mistake in the assignment that was fetched
    │   ├── TaskInvalid         a task that cannot become a run
    │   ├── ScheduleInvalid     a schedule of which no times can be told
    │   │   └── CronInvalid         a cron expression that cannot be read
    │   └── ToolArgsInvalid     arguments that do not fit a tool's schema
    ├── NotFound            a name that means nothing here
    │   ├── AgentUnknown, RunUnknown, MessageUnknown, ToolUnknown, ModelUnknown, ProgramUnknown
    │   └── ScheduleUnknown, LetterUnknown
    ├── Conflict            right in itself, but not now
    │   ├── LeaseLost           a write carried an old fence
    │   ├── KeyReused           an idempotency key came back with another task
    │   ├── Outdated            a record has changed since it was read
    │   ├── ScheduleConflict    the name belongs to another schedule
    │   ├── WrongState          the run is not in a state that allows this
    │   └── QueueFull           no more work is taken now
    ├── Denied              the gate said no
    │   └── BudgetSpent         a hold would pass its limit
    ├── ModelFault          a provider did not give a usable reply
    │   ├── RateLimited, Overloaded, ModelTimeout, ModelUnreachable, ReplyGarbled    (retryable)
    │   └── ModelAuth, ModelRejected, ContextTooLong                                (terminal)
    ├── ToolFault           a tool did not do its work
    │   ├── ToolTimeout
    │   └── SandboxFault        the sandbox refused or could not be set up
    ├── SourceFault         a place that agents or settings come from cannot be read now
    ├── BrokerFault         an event was not confirmed
    └── StoreFault          the store cannot keep its promise now
        ├── StoreFull, StoreClosed, SchemaMismatch
        └── JournalBroken       an entry does not fit the hash of the one before

Each error says what happened (`message`), what was kept (`kept`) and what to do (`todo`).
A fault's docstring is its default message. `code` is stable: scripts and clients may match it.
"""

from inspect import cleandoc
from typing import Any, ClassVar

_LONGEST_S = 86_400.0


class FolkmootError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "ERROR"
    todo_default: ClassVar[str] = ""

    def __init__(
        self, message: str = "", *, kept: str = "", todo: str = "", **details: Any
    ) -> None:
        """Say what happened, what was kept, what to do; `details` are JSON values for machines."""
        self.message = message or cleandoc(type(self).__doc__ or "").splitlines()[0]
        self.kept = kept
        self.todo = todo or self.todo_default
        self.details = details
        super().__init__(self.message)

    def __str__(self) -> str:
        """Return all three parts as one line of text."""
        parts = [self.message]
        if self.kept:
            parts.append(f"Kept: {self.kept}")
        if self.todo:
            parts.append(f"To do: {self.todo}")
        return " ".join(parts)


class Invalid(FolkmootError):
    """What was given cannot be used."""

    code = "INVALID"


class AgentFileInvalid(Invalid):
    """The agent file has a mistake."""

    code = "INVALID_AGENT"


class SettingsInvalid(Invalid):
    """The settings have a mistake."""

    code = "INVALID_SETTINGS"


class AssignmentInvalid(Invalid):
    """The assignment that was fetched has a mistake."""

    code = "INVALID_ASSIGNMENT"


class TaskInvalid(Invalid):
    """The task cannot become a run."""

    code = "INVALID_TASK"


class ScheduleInvalid(Invalid):
    """No times can be told of the schedule."""

    code = "INVALID_SCHEDULE"


class CronInvalid(ScheduleInvalid):
    """The cron expression cannot be read."""

    code = "INVALID_CRON"


class ToolArgsInvalid(Invalid):
    """The arguments do not fit the tool's schema."""

    code = "INVALID_ARGS"


class NotFound(FolkmootError):
    """There is nothing by that name."""

    code = "NOT_FOUND"


class AgentUnknown(NotFound):
    """There is no agent by that name."""

    code = "AGENT_NOT_FOUND"
    todo_default = "See `folkmoot agents` for the agents that are loaded."


class RunUnknown(NotFound):
    """There is no run by that id."""

    code = "RUN_NOT_FOUND"
    todo_default = "See `folkmoot runs` for the runs in this store."


class ScheduleUnknown(NotFound):
    """There is no schedule by that name."""

    code = "SCHEDULE_NOT_FOUND"
    todo_default = "See `folkmoot schedules` for the schedules in this store."


class MessageUnknown(NotFound):
    """The run has no such message."""

    code = "MESSAGE_NOT_FOUND"
    todo_default = "Messages of conversations have ids; `folkmoot show RUN --json` lists them."


class ToolUnknown(NotFound):
    """There is no tool by that name."""

    code = "TOOL_NOT_FOUND"


class ModelUnknown(NotFound):
    """There is no model provider by that name."""

    code = "MODEL_NOT_FOUND"


class ProgramUnknown(NotFound):
    """There is no program by that name."""

    code = "PROGRAM_NOT_FOUND"


class LetterUnknown(NotFound):
    """There is no dead letter by that name."""

    code = "LETTER_NOT_FOUND"
    todo_default = "See `folkmoot dead list` for what could not be dealt with."


class Conflict(FolkmootError):
    """Right in itself, but not now."""

    code = "CONFLICT"


class LeaseLost(Conflict):
    """Another worker has claimed this run since; the write carried an old fence."""

    code = "LEASE_LOST"
    todo_default = "Nothing: the worker that holds the run now goes on from the journal."


class KeyReused(Conflict):
    """This idempotency key was used before, for another task."""

    code = "KEY_REUSED"
    todo_default = "Use a new key for a new task, or send the same task again."


class Outdated(Conflict):
    """The record has changed since it was read."""

    code = "OUTDATED"
    todo_default = "Read it again and decide anew."


class ScheduleConflict(Conflict):
    """The name belongs to another schedule."""

    code = "SCHEDULE_CONFLICT"


class WrongState(Conflict):
    """The run is not in a state that allows this."""

    code = "WRONG_STATE"
    todo_default = "Look where it stands: `folkmoot show RUN`. A new task makes a new run."


class QueueFull(Conflict):
    """No more work is taken now."""

    code = "QUEUE_FULL"
    todo_default = "Try again after the time given."


class Denied(FolkmootError):
    """The gate said no."""

    code = "DENIED"


class BudgetSpent(Denied):
    """The budget does not cover this step."""

    code = "BUDGET_SPENT"
    todo_default = "Raise the budget in the agent file, or wait for its next window."


class ModelFault(FolkmootError):
    """The model's provider did not give a usable reply."""

    code = "MODEL_FAULT"
    retryable: ClassVar[bool] = False

    @property
    def retry_after(self) -> float | None:
        """Seconds that the provider asked us to wait, when it said so; more than a day is a day."""
        value = self.details.get("retry_after")
        if value is None:
            return None
        return min(float(value), _LONGEST_S) if float(value) > 0 else 0.0


class RateLimited(ModelFault):
    """The provider answered 429: too many requests."""

    code = "RATE_LIMIT_EXCEEDED"
    retryable = True


class Overloaded(ModelFault):
    """The provider is overloaded or failed inside (5xx, 529)."""

    code = "MODEL_OVERLOADED"
    retryable = True


class ModelTimeout(ModelFault):
    """The provider did not answer in time."""

    code = "MODEL_TIMEOUT"
    retryable = True


class ModelUnreachable(ModelFault):
    """The provider could not be reached, or its breaker is open."""

    code = "MODEL_UNREACHABLE"
    retryable = True


class ReplyGarbled(ModelFault):
    """The provider's reply could not be read, or its stream was cut."""

    code = "REPLY_GARBLED"
    retryable = True


class ModelAuth(ModelFault):
    """The provider refused our credentials."""

    code = "MODEL_AUTH"
    todo_default = "Check the key named by the agent's model (api_key_env)."


class ModelRejected(ModelFault):
    """The provider refused the request as invalid."""

    code = "MODEL_REJECTED"


class ContextTooLong(ModelFault):
    """The conversation does not fit the model's context window."""

    code = "CONTEXT_TOO_LONG"
    todo_default = "Lower context.max_tokens in the agent file, or use a model with more."


class ToolFault(FolkmootError):
    """The tool did not do its work."""

    code = "TOOL_FAULT"


class ToolTimeout(ToolFault):
    """The tool did not finish in time; its processes were ended."""

    code = "TOOL_TIMEOUT"


class SandboxFault(ToolFault):
    """The sandbox could not be set up, or it refused."""

    code = "SANDBOX_FAULT"


class SourceFault(FolkmootError):
    """A place that agents or settings come from cannot be read now."""

    code = "SOURCE_FAULT"
    todo_default = "See whether it answers, and whether this machine may read it."


class BrokerFault(FolkmootError):
    """The broker has not confirmed the event."""

    code = "BROKER_FAULT"
    todo_default = "Nothing: it stays in the outbox and is sent again."


class StoreFault(FolkmootError):
    """The store cannot keep its promise now."""

    code = "STORE_FAULT"


class StoreFull(StoreFault):
    """The disk under the store is full; the write was taken back whole."""

    code = "STORE_FULL"
    todo_default = "Free some space; work goes on by itself."


class StoreClosed(StoreFault):
    """The store is closed."""

    code = "STORE_CLOSED"


class SchemaMismatch(StoreFault):
    """The store's schema is not the one that this version of Folkmoot writes."""

    code = "SCHEMA_MISMATCH"


class JournalBroken(StoreFault):
    """An entry of the journal cannot be read, or does not fit the one before it."""

    code = "JOURNAL_BROKEN"
