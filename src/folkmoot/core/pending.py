"""What can be open in a run: a call without a result, a question to people, a message without an answer."""

import msgspec

from folkmoot.core.messages import ToolCall
from folkmoot.core.task import ReplyTo

# What can be open about a tool call of the last reply.
OPEN = "open"  # nobody has begun it
STARTED = "started"  # its Started entry is durable; its end is not
ASKED = "asked"  # it waits for a person
APPROVED = "approved"  # a person said yes; it may begin


class Pending(msgspec.Struct):
    """A tool call of the last reply that has no result yet."""

    call: ToolCall
    status: str = OPEN
    approval: str = ""
    digest: str = ""


class Approval(msgspec.Struct):
    """An open question to people about one call."""

    id: str
    call: str
    digest: str
    needs: int
    expires_at: int | None
    by: tuple[str, ...] = ()
    yes: tuple[str, ...] = ()
    act: str = ""
    reason: str = ""
    policy: str = ""


class Turn(msgspec.Struct, frozen=True):
    """The message that a conversation works on; `at` is its place in the transcript, `seq` its entry.

    `shown` and `summary` are the view's as it was taken: a new attempt begins with them.
    """

    message: str
    at: int
    seq: int
    reply_to: ReplyTo | None
    deadline: int | None
    shown: int
    summary: str
