"""OpenAI's responses: POST …/responses, typed server-sent events ended by response.completed."""

from typing import Any

import msgspec

from folkmoot.testing.wires.script import Refuse, Say

_CODES = {429: "rate_limit_exceeded", 503: "server_is_overloaded", 529: "server_is_overloaded"}


class OpenAIResponses:
    """The wire of the responses API."""

    stream_type = "text/event-stream"

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Whether this request asks for a stream."""
        return bool(path and body.get("stream"))

    def whole(self, say: Say) -> bytes:
        """Return a response."""
        return msgspec.json.encode(_response(say, _items(say), done=True))

    def stream(self, say: Say) -> list[bytes]:
        """Return the events of a response."""
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": _response(say, [], done=False)},
            {"type": "response.in_progress", "response": _response(say, [], done=False)},
        ]
        for index, item in enumerate(_items(say)):
            events += _item_events(index, item, say)
        ended = "response.incomplete" if say.finish != "stop" else "response.completed"
        events.append({"type": ended, "response": _response(say, _items(say), done=True)})
        return [_event(number, event) for number, event in enumerate(events)]

    def refusal(self, refuse: Refuse) -> bytes:
        """Return an error's body."""
        code = refuse.code or _CODES.get(refuse.status, "server_error")
        error = {"message": refuse.message, "type": code, "param": None, "code": code}
        return msgspec.json.encode({"error": error})

    def late(self, refuse: Refuse) -> bytes:
        """Return an error as an event."""
        code = refuse.code or _CODES.get(refuse.status, "server_error")
        return _event(99, {"type": "error", "code": code, "message": refuse.message, "param": None})


def _items(say: Say) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if say.think is not None:
        items.append({
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": say.think.text}],
            "encrypted_content": say.think.signature,
            "status": "completed",
        })  # fmt: skip
    if say.text:
        text = {"type": "output_text", "text": say.text, "annotations": []}
        items.append({
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [text],
        })  # fmt: skip
    for number, call in enumerate(say.calls, 1):
        items.append({
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": f"call_{number}",
            "name": call.name,
            "arguments": call.raw or msgspec.json.encode(call.args).decode(),
            "status": "completed",
        })  # fmt: skip
    return items


def _item_events(index: int, item: dict[str, Any], say: Say) -> list[dict[str, Any]]:
    at = {"output_index": index, "item_id": item["id"]}
    begun = {"type": "response.output_item.added", "output_index": index, "item": _begun(item)}
    ended = {"type": "response.output_item.done", "output_index": index, "item": item}
    inside: list[dict[str, Any]] = []
    if item["type"] == "message":
        here = at | {"content_index": 0}
        empty = {"type": "output_text", "text": "", "annotations": []}
        inside.append(here | {"type": "response.content_part.added", "part": empty})
        inside += [
            here | {"type": "response.output_text.delta", "delta": piece, "logprobs": []}
            for piece in say.pieces
        ]
        inside.append(
            here | {"type": "response.output_text.done", "text": say.text, "logprobs": []}
        )
        inside.append(here | {"type": "response.content_part.done", "part": item["content"][0]})
    if item["type"] == "reasoning":
        inside += _reasoning_events(at | {"summary_index": 0}, item["summary"][0])
    if item["type"] == "function_call":
        half = len(item["arguments"]) // 2
        inside += [
            at | {"type": "response.function_call_arguments.delta", "delta": part}
            for part in (item["arguments"][:half], item["arguments"][half:])
        ]
        done = {"name": item["name"], "arguments": item["arguments"]}
        inside.append(at | {"type": "response.function_call_arguments.done"} | done)
    return [begun, *inside, ended]


def _reasoning_events(at: dict[str, Any], summary: dict[str, str]) -> list[dict[str, Any]]:
    empty, text = summary | {"text": ""}, summary["text"]
    return [
        at | {"type": "response.reasoning_summary_part.added", "part": empty},
        at | {"type": "response.reasoning_summary_text.delta", "delta": text},
        at | {"type": "response.reasoning_summary_text.done", "text": text},
        at | {"type": "response.reasoning_summary_part.done", "part": summary},
    ]


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, dict[str, Any]] = {
        "message": {"content": [], "status": "in_progress"},
        "function_call": {"arguments": "", "status": "in_progress"},
        "reasoning": {"summary": [], "encrypted_content": None, "status": "in_progress"},
    }
    return item | empty[item["type"]]


def _response(say: Say, items: list[dict[str, Any]], *, done: bool) -> dict[str, Any]:
    reasons = {"length": "max_output_tokens", "filtered": "content_filter"}
    status = "in_progress"
    if done:
        status = "incomplete" if say.finish in reasons else "completed"
    reason = {"reason": reasons[say.finish]} if status == "incomplete" else None
    return {
        "id": "resp_1", "object": "response", "created_at": 1_764_000_000, "model": say.model,
        "status": status, "output": items, "error": None, "incomplete_details": reason,
        "instructions": None, "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0,
        "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "usage": _usage(say) if done and say.counted else None,
    }  # fmt: skip


def _usage(say: Say) -> dict[str, Any]:
    return {
        "input_tokens": say.input,
        "input_tokens_details": {"cached_tokens": say.cached},
        "output_tokens": say.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": say.input + say.output,
    }


def _event(number: int, event: dict[str, Any]) -> bytes:
    data = msgspec.json.encode(event | {"sequence_number": number})
    return b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), data)
