"""AWS Bedrock's converse: POST /model/…/converse and …/converse-stream, which is an event stream.

An event stream's message: its length, its headers' length, a checksum of both, the headers, the
payload, a checksum of all of it; numbers are big-endian 32 bit, checksums CRC-32. A header is a
byte for its name's length, the name, a byte for its type (7: text), two bytes of length, the text.
"""

import struct
import zlib
from typing import Any

import msgspec

from folkmoot.testing.wires.script import Ask, Refuse, Say

_STOPS = {"stop": "end_turn", "length": "max_tokens", "filtered": "guardrail_intervened"}
_NAMES = {
    400: "ValidationException", 403: "AccessDeniedException", 404: "ResourceNotFoundException",
    408: "ModelTimeoutException", 424: "ModelStreamErrorException", 429: "ThrottlingException",
    500: "InternalServerException", 503: "ServiceUnavailableException",
}  # fmt: skip
_TEXT = 7


class Bedrock:
    """The wire of converse."""

    stream_type = "application/vnd.amazon.eventstream"

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Whether this request asks for a stream."""
        return isinstance(body, dict) and path.endswith("/converse-stream")

    def whole(self, say: Say) -> bytes:
        """Return a converse response."""
        message = {"role": "assistant", "content": [_block(say, part) for part in _parts(say)]}
        body = {"output": {"message": message}, "stopReason": _stop(say), "usage": _usage(say)}
        return msgspec.json.encode(body | {"metrics": {"latencyMs": 1}})

    def stream(self, say: Say) -> list[bytes]:
        """Return the events of a converse response."""
        events: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
        for index, part in enumerate(_parts(say)):
            events += _block_events(index, part, say)
        events.append(("messageStop", {"stopReason": _stop(say)}))
        if say.counted:
            events.append(("metadata", {"usage": _usage(say), "metrics": {"latencyMs": 1}}))
        return [_message("event", name, body) for name, body in events]

    def refusal(self, refuse: Refuse) -> bytes:
        """Return an error's body; boto reads its name from `__type`."""
        name = refuse.code or _NAMES.get(refuse.status, "ServiceUnavailableException")
        return msgspec.json.encode({"__type": name, "message": refuse.message})

    def late(self, refuse: Refuse) -> bytes:
        """Return an error as an exception in the stream."""
        name = refuse.code or _NAMES.get(refuse.status, "ServiceUnavailableException")
        return _message("exception", name[0].lower() + name[1:], {"message": refuse.message})


def _parts(say: Say) -> list[Ask | str]:
    """Return what a reply has, in order: `think`, `text`, its calls."""
    parts: list[Ask | str] = []
    if say.think is not None:
        parts.append("think")
    if say.text:
        parts.append("text")
    return [*parts, *say.calls]


def _block(say: Say, part: Ask | str) -> dict[str, Any]:
    if isinstance(part, Ask):
        return {"toolUse": {"toolUseId": _id(say, part), "name": part.name, "input": part.args}}
    if part == "think" and say.think is not None:
        text = {"text": say.think.text, "signature": say.think.signature}
        return {"reasoningContent": {"reasoningText": text}}
    return {"text": say.text}


def _block_events(index: int, part: Ask | str, say: Say) -> list[tuple[str, dict[str, Any]]]:
    at = {"contentBlockIndex": index}
    events: list[tuple[str, dict[str, Any]]] = []
    if isinstance(part, Ask):
        start = {"toolUse": {"toolUseId": _id(say, part), "name": part.name}}
        events.append(("contentBlockStart", at | {"start": start}))
    events += [("contentBlockDelta", at | {"delta": delta}) for delta in _deltas(part, say)]
    return [*events, ("contentBlockStop", at)]


def _deltas(part: Ask | str, say: Say) -> list[dict[str, Any]]:
    if isinstance(part, Ask):
        text = part.raw or msgspec.json.encode(part.args).decode()
        half = len(text) // 2
        return [{"toolUse": {"input": piece}} for piece in (text[:half], text[half:])]
    if part == "think" and say.think is not None:
        return [
            {"reasoningContent": {"text": say.think.text}},
            {"reasoningContent": {"signature": say.think.signature}},
        ]
    return [{"text": piece} for piece in say.pieces]


def _id(say: Say, call: Ask) -> str:
    return f"tooluse_{next(n for n, other in enumerate(say.calls, 1) if other is call)}"


def _stop(say: Say) -> str:
    return "tool_use" if say.calls and say.finish == "stop" else _STOPS[say.finish]


def _usage(say: Say) -> dict[str, int]:
    """Return the usage; this wire counts what came from the cache beside the input."""
    return {
        "inputTokens": say.input - say.cached,
        "outputTokens": say.output,
        "totalTokens": say.input + say.output,
        "cacheReadInputTokens": say.cached,
        "cacheWriteInputTokens": 0,
    }


def _message(kind: str, name: str, body: dict[str, Any]) -> bytes:
    headers = b"".join((
        _header(":message-type", kind),
        _header(f":{kind}-type", name),
        _header(":content-type", "application/json"),
    ))  # fmt: skip
    payload = msgspec.json.encode(body)
    # 12 bytes before the headers, 4 after the payload.
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return whole + struct.pack("!I", zlib.crc32(whole))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack("!B", len(key)) + key + struct.pack("!BH", _TEXT, len(text)) + text
