"""Our transcript as pydantic-ai's messages, and its replies as our Answer.

Everything between two replies of the model becomes one request, in order: the wires put results and
words into the turns that their provider wants. A tool result whose call is not in the reply before
it (the context was cut between them) is told in words, since every provider refuses it as a result.
So are all calls and results of a request that offers no tools (a summary is asked for without any):
some providers refuse calls of tools that they are not told of.

Ids and names of calls may be those of another provider's model, or of a tool that it made up. Providers
that take letters, digits, `_` and `-` only get others in their place (`plain`).

Thoughts. A reply that holds more than text and calls (reasoning with its signature, ids of items) is
kept part by part, in order, so that it can be sent back exactly as it came:

    {"part": "thought", "content", "id", "signature", "provider_details", "provider_name"}
    {"part": "text", "size": characters of the reply's text, …}
    {"part": "call", "call": id of the tool call, …}

They go back only to the maker: the provider, and its host where that is not the provider's own.
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec.structs import replace
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model

from folkmoot.core.messages import Answered, Message, Returned, Said, Thought, ToolCall

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,40}")
_ODD = re.compile(r"[^A-Za-z0-9_-]")
_KEPT = ("id", "provider_name", "provider_details")


def to_wire(
    messages: Sequence[Message],
    model: Model,
    maker: str,
    *,
    tools: bool = True,
    plain: bool = False,
) -> list[ModelMessage]:
    """Return a transcript as the library's messages, for one model of one maker.

    `tools` says whether the request offers any, `plain` whether ids and names must be plain.
    """
    found: list[ModelMessage] = []
    parts: list[ModelRequestPart] = []
    open_calls: set[str] = set()
    for message in map(_plainly, messages) if plain else messages:
        if isinstance(message, Answered):
            if parts:
                found.append(ModelRequest(parts=parts))
                parts = []
            found.append(_response(message if tools else _told(message), model, maker))
            open_calls = {call.id for call in message.calls} if tools else set()
        else:
            parts.append(_request_part(message, open_calls))
    if parts:
        found.append(ModelRequest(parts=parts))
    return found


def _plainly(message: Message) -> Message:
    if isinstance(message, Returned):
        return replace(message, call=_plain_id(message.call), name=_plain_name(message.name))
    if not isinstance(message, Answered) or not message.calls:
        return message
    calls = [
        replace(call, id=_plain_id(call.id), name=_plain_name(call.name)) for call in message.calls
    ]
    return replace(message, calls=tuple(calls))


def _plain_id(id_: str) -> str:
    return id_ if _PLAIN.fullmatch(id_) else f"call_{sha256(id_.encode()).hexdigest()[:24]}"


def _plain_name(name: str) -> str:
    return _ODD.sub("_", name)[:64] or "unnamed"


def _request_part(message: Said | Returned, open_calls: set[str]) -> ModelRequestPart:
    if isinstance(message, Said):
        return UserPromptPart(content=message.text)
    if message.call not in open_calls:
        return UserPromptPart(content=f"Result of the tool {message.name}:\n{message.text}")
    open_calls.discard(message.call)
    return ToolReturnPart(
        tool_name=message.name,
        content=message.text,
        tool_call_id=message.call,
        outcome="failed" if message.error else "success",
    )


def _told(message: Answered) -> Answered:
    """Return a reply whose calls are told in words."""
    if not message.calls:
        return message
    calls = "".join(
        f"\n[I called the tool {call.name} with "
        f"{call.raw or msgspec.json.encode(call.args).decode()}]"
        for call in message.calls
    )
    return Answered((message.text + calls).strip())


def _response(message: Answered, model: Model, maker: str) -> ModelResponse:
    own = [thought.data for thought in message.thoughts if thought.provider == maker]
    parts = list(_kept(message, own)) if own else list(_plain(message))
    return ModelResponse(
        parts=parts,
        provider_name=model.system,
        provider_url=model.base_url,
        model_name=model.model_name,
        canonical_system=model.canonical_system,
    )


def _plain(message: Answered) -> Iterator[ModelResponsePart]:
    if message.text:
        yield TextPart(content=message.text)
    for call in message.calls:
        yield _call_part(call)


def _kept(message: Answered, data: list[dict[str, Any]]) -> Iterator[ModelResponsePart]:
    """Rebuild a reply part by part; what the kept parts do not name comes after them."""
    at = 0
    calls = {call.id: call for call in message.calls}
    for part in data:
        extra = {name: part[name] for name in _KEPT if name in part}
        if part["part"] == "thought":
            yield ThinkingPart(
                content=part.get("content", ""), signature=part.get("signature"), **extra
            )
        elif part["part"] == "text":
            yield TextPart(content=message.text[at : at + part["size"]], **extra)
            at += part["size"]
        elif part["call"] in calls:
            yield _call_part(calls.pop(part["call"]), **extra)
    if at < len(message.text):
        yield TextPart(content=message.text[at:])
    for call in calls.values():
        yield _call_part(call)


def _call_part(call: ToolCall, **extra: Any) -> ToolCallPart:
    # As the library tells it; given as text, it is read again, more leniently than by us (NaN).
    args = {"INVALID_JSON": call.raw} if call.raw else call.args
    return ToolCallPart(tool_name=call.name, args=args, tool_call_id=call.id, **extra)


def text_of(response: ModelResponse) -> str:
    """Return the text of a reply: its text parts, joined as they were streamed."""
    return "".join(part.content for part in response.parts if isinstance(part, TextPart))


def calls_of(response: ModelResponse) -> tuple[ToolCall, ...]:
    """Return the tool calls of a reply, each with an id of its own.

    Two calls with one id would be one call for us, and the second would be lost.
    """
    found: dict[str, ToolCall] = {}
    for part in response.parts:
        if isinstance(part, ToolCallPart):
            name, number = part.tool_call_id, 2
            while name in found:
                name, number = f"{part.tool_call_id}_{number}", number + 1
            part.tool_call_id = name
            found[name] = _call(name, part)
    return tuple(found.values())


def _call(name: str, part: ToolCallPart) -> ToolCall:
    args = part.args
    if not args:
        return ToolCall(name, part.tool_name)
    if isinstance(args, dict):
        return ToolCall(name, part.tool_name, args)
    try:
        value = msgspec.json.decode(args)
    except (msgspec.DecodeError, UnicodeEncodeError):
        value = None
    if isinstance(value, dict):
        return ToolCall(name, part.tool_name, value)
    return ToolCall(name, part.tool_name, raw=args)


def thoughts_of(response: ModelResponse, maker: str) -> tuple[Thought, ...]:
    """Return what must go back with the reply, part by part, or nothing when it is plain."""
    if not any(_special(part) for part in response.parts):
        return ()
    return tuple(Thought(maker, data) for part in response.parts if (data := _data(part)))


def _special(part: ModelResponsePart) -> bool:
    if isinstance(part, ThinkingPart):
        return True
    return isinstance(part, TextPart | ToolCallPart) and bool(part.provider_details)


def _data(part: ModelResponsePart) -> dict[str, Any]:
    extra = {name: getattr(part, name, None) for name in (*_KEPT, "signature")}
    # Details may hold times and other values that are not JSON; the journal takes JSON only.
    kept = msgspec.to_builtins({name: value for name, value in extra.items() if value})
    if isinstance(part, ThinkingPart):
        return {"part": "thought", "content": part.content, **kept}
    if isinstance(part, TextPart):
        return {"part": "text", "size": len(part.content), **kept}
    if isinstance(part, ToolCallPart):
        return {"part": "call", "call": part.tool_call_id, **kept}
    return {}
