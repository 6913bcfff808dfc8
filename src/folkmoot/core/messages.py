"""The transcript: what was said, by whom, in the order the model sees it."""

from typing import Any

import msgspec


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call that the model asks for. `raw` holds arguments that were not a JSON object."""

    id: str
    name: str
    args: dict[str, Any] = {}
    raw: str = ""


class Thought(msgspec.Struct, frozen=True, omit_defaults=True):
    """A provider's reasoning part, kept as it came so that it can be sent back unchanged.

    `provider` names who made it; another provider never gets to see it.
    """

    provider: str
    data: dict[str, Any]


class Said(msgspec.Struct, frozen=True, tag="user", tag_field="role", omit_defaults=True):
    """Words to the agent: its task, or a message that somebody added. `by` names who."""

    text: str
    by: str = ""


class Answered(msgspec.Struct, frozen=True, tag="model", tag_field="role", omit_defaults=True):
    """One reply of the model: text, and the calls it asks for."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    thoughts: tuple[Thought, ...] = ()


class Returned(msgspec.Struct, frozen=True, tag="tool", tag_field="role", omit_defaults=True):
    """What a tool call gave back; `error` says that it is a failure and not a result."""

    call: str
    name: str
    text: str
    error: bool = False


Message = Said | Answered | Returned


def whole(text: str) -> str:
    """Return text without half characters (lone surrogates), which no JSON and no database can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def wholly(value: Any) -> Any:
    """Return a JSON value in which no text has half characters."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, dict):
        return {whole(key): wholly(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [wholly(inner) for inner in value]
    return value


def rough_tokens(message: Message) -> int:
    """Return a cheap estimate of a message's tokens (4 characters a token, 4 for the envelope)."""
    size = len(message.text)
    if type(message) is Answered:
        for call in message.calls:
            size += len(call.name) + len(call.raw) + 8 + _size(call.args)
        for thought in message.thoughts:
            size += _size(thought.data)
    return 4 + size // 4


def _size(value: Any) -> int:
    """Count the characters of a JSON value without encoding it."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + _size(inner) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return sum(_size(inner) for inner in value)
    return 4
