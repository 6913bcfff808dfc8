"""Steps: what a program wants next. Values; the gate judges them, perform does them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from folkmoot.core.messages import Message, ToolCall


class CallModel(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the model. `purpose` is `reply`, or `summary` of the first `upto` messages."""

    system: str
    messages: Sequence[Message]
    tools: bool = True
    purpose: str = "reply"
    upto: int = 0


class CallTool(msgspec.Struct, frozen=True):
    """Call one tool."""

    call: ToolCall


class Ask(msgspec.Struct, frozen=True):
    """Ask a person and wait for a message."""

    question: str
    call: str = ""


class Sleep(msgspec.Struct, frozen=True):
    """Wait for a time, in seconds from now."""

    seconds: float
    call: str = ""


class Drop(msgspec.Struct, frozen=True):
    """Show the model no longer the first `upto` messages."""

    upto: int


class Reject(msgspec.Struct, frozen=True):
    """Send the model's last reply back, with the reason."""

    reason: str


class Reply(msgspec.Struct, frozen=True):
    """The end: the answer to the task."""

    output: str
    data: Any = None


class Fail(msgspec.Struct, frozen=True):
    """The end: the program cannot go on. `retry` says whether a fresh attempt may help."""

    code: str
    message: str
    retry: bool = False


Step = CallModel | CallTool | Ask | Sleep | Drop | Reject | Reply | Fail
