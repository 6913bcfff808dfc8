"""A model: one call, with streaming."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from folkmoot.core.agent import ModelChoice
from folkmoot.core.messages import Message, Thought, ToolCall
from folkmoot.core.spend import Usage


class ToolView(msgspec.Struct, frozen=True):
    """A tool as the model sees it: name, description, JSON Schema of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call to a model. `output` is a JSON Schema that the reply should fit.

    `effect` is stable for this call of this run; adapters pass it on as an idempotency key or
    trace header where the wire has one.
    """

    choice: ModelChoice
    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolView] = ()
    output: dict[str, Any] | None = None
    effect: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A complete reply. `finish` is `stop`, `tools`, `length` or `filtered`."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    thoughts: tuple[Thought, ...] = ()
    usage: Usage = Usage()
    finish: str = "stop"
    model: str = ""


Delta = Callable[[str], None]
"""Called with each piece of text as it arrives. Must not block."""


class Model(Protocol):
    """A provider's wire.

    `call` makes exactly one attempt: no retry, no fallback, no cache; those are ours, journaled.
    It streams when `delta` is given. It raises a ModelFault (core/errors.py) and nothing else; a
    stream that was cut raises ReplyGarbled and never returns half a reply. Cancelling the task
    ends the request. No key, and no header that carries one, appears in an error.
    """

    async def call(self, request: Request, delta: Delta | None = None) -> Answer:
        """Ask once."""
        ...

    async def close(self) -> None:
        """Let go of connections. Idempotent."""
        ...
