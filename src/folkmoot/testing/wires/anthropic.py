"""Anthropic's messages: POST /v1/messages, typed server-sent events ended by message_stop."""

from typing import Any

import msgspec

from folkmoot.testing.wires.script import Ask, Refuse, Say

_STOPS = {"stop": "end_turn", "length": "max_tokens", "filtered": "refusal"}
_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error",
    403: "permission_error", 404: "not_found_error", 413: "request_too_large",
    429: "rate_limit_error", 500: "api_error", 529: "overloaded_error",
}  # fmt: skip


class Anthropic:
    """The wire of the messages API."""

    stream_type = "text/event-stream"

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Whether this request asks for a stream."""
        return bool(path and body.get("stream"))

    def whole(self, say: Say) -> bytes:
        """Return a message."""
        body = _envelope(say) | {"content": _blocks(say), "stop_reason": _stop(say)}
        return msgspec.json.encode(body | {"usage": _usage(say, say.output)})

    def stream(self, say: Say) -> list[bytes]:
        """Return the events of a message."""
        start = _envelope(say) | {"content": [], "stop_reason": None, "usage": _usage(say, 1)}
        events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
        for index, block in enumerate(_blocks(say)):
            events += _block_events(index, block, say)
        stop = {"stop_reason": _stop(say), "stop_sequence": None}
        usage = {"output_tokens": say.output if say.counted else 0}
        events.append({"type": "message_delta", "delta": stop, "usage": usage})
        events.append({"type": "message_stop"})
        return [_event(event) for event in events]

    def refusal(self, refuse: Refuse) -> bytes:
        """Return an error's body."""
        return msgspec.json.encode({"type": "error", "error": _error(refuse)})

    def late(self, refuse: Refuse) -> bytes:
        """Return an error as an event."""
        return _event({"type": "error", "error": _error(refuse)})


def _error(refuse: Refuse) -> dict[str, str]:
    return {
        "type": refuse.code or _TYPES.get(refuse.status, "api_error"),
        "message": refuse.message,
    }


def _blocks(say: Say) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if say.think is not None:
        think = {"thinking": say.think.text, "signature": say.think.signature}
        blocks.append({"type": "thinking"} | think)
    if say.text:
        blocks.append({"type": "text", "text": say.text})
    for number, call in enumerate(say.calls, 1):
        blocks.append({
            "type": "tool_use", "id": f"toolu_{number}", "name": call.name, "input": call.args,
        })  # fmt: skip
    return blocks


def _block_events(index: int, block: dict[str, Any], say: Say) -> list[dict[str, Any]]:
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    begun = block | empty[block["type"]]
    start: dict[str, Any] = {"type": "content_block_start", "content_block": begun}
    events = [start, *({"type": "content_block_delta", "delta": d} for d in _deltas(block, say))]
    return [event | {"index": index} for event in (*events, {"type": "content_block_stop"})]


def _deltas(block: dict[str, Any], say: Say) -> list[dict[str, Any]]:
    if block["type"] == "text":
        return [{"type": "text_delta", "text": piece} for piece in say.pieces]
    if block["type"] == "thinking":
        return [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    text = _input(say.calls[int(block["id"].rpartition("_")[2]) - 1])
    half = len(text) // 2
    return [
        {"type": "input_json_delta", "partial_json": part} for part in (text[:half], text[half:])
    ]


def _input(call: Ask) -> str:
    return call.raw or msgspec.json.encode(call.args).decode()


def _stop(say: Say) -> str:
    return "tool_use" if say.calls and say.finish == "stop" else _STOPS[say.finish]


def _envelope(say: Say) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": say.model,
        "stop_sequence": None,
    }  # fmt: skip


def _usage(say: Say, output: int) -> dict[str, int]:
    """Return the usage; this wire counts what came from the cache beside the input."""
    if not say.counted:
        return {"input_tokens": 0, "output_tokens": 0}
    return {
        "input_tokens": say.input - say.cached,
        "cache_read_input_tokens": say.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": output,
    }


def _event(event: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), msgspec.json.encode(event))
