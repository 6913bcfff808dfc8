"""What comes in: the bodies of requests. Fields that are not known here are refused.

Times are milliseconds since 1970 (UTC).
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from folkmoot.core.task import Task

LARGEST = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly; stores hold it too."""


def _whole(text: str) -> str:
    """Refuse half a character (a lone surrogate): JSON may write one, nobody can keep it.

    Pydantic sees to it for values, and lets it pass as a key.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("holds half a character") from None
    return text


Label = Annotated[str, Field(max_length=200), AfterValidator(_whole)]


class In(BaseModel):
    """What comes in: nothing that is not known here, nothing bent into another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TaskBody(In):
    """A task for an agent."""

    agent: str = Field(min_length=1, max_length=200, description="The agent's name.")
    input: str = Field(min_length=1, description="What it is asked.")
    priority: Literal["critical", "high", "normal", "low"] = "normal"
    deadline: int | None = Field(
        default=None, ge=0, le=LARGEST, description="When the run is given up (ms since 1970, UTC)."
    )
    labels: dict[Label, Label] = Field(
        default_factory=dict,
        max_length=50,
        description="Words of your own. Tenants (the label `tenant`) share the fleet fairly.",
    )
    not_before: int = Field(
        default=0, ge=0, le=LARGEST, description="The run begins then at the earliest (ms, UTC)."
    )
    kind: str = Field(
        default="", max_length=200, description="What sort of work it is; `discovery` is spaced."
    )
    force: bool = Field(
        default=False, description="Neither spacing nor the agent's breaker holds the run back."
    )
    conversation: Label = Field(default="", description="Say it in this conversation.")

    def task(self, key: str) -> Task:
        """Return it as a task of the source `api`."""
        return Task(
            agent=self.agent,
            input=self.input,
            key=key,
            priority=self.priority,
            deadline=self.deadline,
            labels=self.labels,
            not_before=self.not_before,
            kind=self.kind,
            force=self.force,
            conversation=self.conversation,
        )


class SayBody(In):
    """A message for a run."""

    text: str = Field(min_length=1)
    by: str = Field(default="", max_length=200, description="Who says it.")


class ByBody(In):
    """Who asks for it."""

    by: str = Field(default="", max_length=200)


class CancelBody(In):
    """Who ends the run, and why."""

    by: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=2000)


class VoteBody(In):
    """Yes or no to what an approval asks."""

    approve: bool
    by: str = Field(min_length=1, max_length=200, description="Who decides.")
    note: str = Field(default="", max_length=2000)
