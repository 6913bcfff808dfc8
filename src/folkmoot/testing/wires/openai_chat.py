"""OpenAI's chat completions: POST …/chat/completions, server-sent chunks ended by [DONE]."""

from typing import Any

import msgspec

from folkmoot.testing.wires.script import Refuse, Say

_FINISH = {"stop": "stop", "length": "length", "filtered": "content_filter"}


class OpenAIChat:
    """The wire of chat completions, which OpenRouter, Ollama and vLLM speak too.

    `router` adds what OpenRouter adds: who served the request, and reasoning with its signature.
    """

    stream_type = "text/event-stream"

    def __init__(self, *, router: bool = False) -> None:
        """Speak it plainly, or as OpenRouter does."""
        self._router = router

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Whether this request asks for a stream."""
        return bool(path and body.get("stream"))

    def whole(self, say: Say) -> bytes:
        """Return a chat completion."""
        message: dict[str, Any] = {"role": "assistant", "content": say.text or None}
        message |= self._thought(say)
        if say.calls:
            message["tool_calls"] = _calls(say)
        choice = {"index": 0, "message": message, "finish_reason": _finish(say)}
        body = _envelope(say, "chat.completion") | {"choices": [self._routed(choice)]}
        if self._router:
            body["provider"] = "Fake"
        return msgspec.json.encode(body | _usage(say))

    def stream(self, say: Say) -> list[bytes]:
        """Return the chunks of a chat completion."""
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        if say.think is not None:
            deltas.append(self._thought(say))
        deltas += [{"content": piece} for piece in say.pieces]
        for index, call in enumerate(_calls(say)):
            text = call["function"]["arguments"]
            half = len(text) // 2
            begun = call | {"index": index, "function": call["function"] | {"arguments": ""}}
            deltas.append({"tool_calls": [begun]})
            deltas += [
                {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
                for part in (text[:half], text[half:])
            ]
        choices = [{"index": 0, "delta": delta} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": _finish(say)})
        chunks = [self._chunk(say, self._routed(choice)) for choice in choices]
        usage = _envelope(say, "chat.completion.chunk") | {"choices": []} | _usage(say)
        return [*chunks, _event(msgspec.json.encode(usage)), _event(b"[DONE]")]

    def refusal(self, refuse: Refuse) -> bytes:
        """Return an error's body."""
        return msgspec.json.encode({"error": _error(refuse)})

    def late(self, refuse: Refuse) -> bytes:
        """Return an error as a chunk."""
        return _event(self.refusal(refuse))

    def _routed(self, choice: dict[str, Any]) -> dict[str, Any]:
        if not self._router:
            return choice
        return choice | {"native_finish_reason": choice.get("finish_reason")}

    def _thought(self, say: Say) -> dict[str, Any]:
        if say.think is None:
            return {}
        if not self._router:
            return {"reasoning": say.think.text}
        detail = {
            "type": "reasoning.text",
            "text": say.think.text,
            "signature": say.think.signature,
            "format": "anthropic-claude-v1",
            "index": 0,
        }
        return {"reasoning": say.think.text, "reasoning_details": [detail]}

    def _chunk(self, say: Say, choice: dict[str, Any]) -> bytes:
        body = _envelope(say, "chat.completion.chunk")
        if self._router:
            body["provider"] = "Fake"
        return _event(msgspec.json.encode(body | {"choices": [{"finish_reason": None} | choice]}))


def _error(refuse: Refuse) -> dict[str, Any]:
    kind = {429: "rate_limit_exceeded", 503: "server_is_overloaded", 529: "overloaded"}
    code = refuse.code or kind.get(refuse.status, "server_error")
    return {"message": refuse.message, "type": code, "param": None, "code": code}


def _calls(say: Say) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": call.raw or msgspec.json.encode(call.args).decode(),
            },
        }
        for number, call in enumerate(say.calls, 1)
    ]


def _finish(say: Say) -> str:
    return "tool_calls" if say.calls and say.finish == "stop" else _FINISH[say.finish]


def _envelope(say: Say, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_764_000_000, "model": say.model}


def _usage(say: Say) -> dict[str, Any]:
    if not say.counted:
        return {}
    return {
        "usage": {
            "prompt_tokens": say.input,
            "completion_tokens": say.output,
            "total_tokens": say.input + say.output,
            "prompt_tokens_details": {"cached_tokens": say.cached},
        }
    }


def _event(data: bytes) -> bytes:
    return b"data: %b\n\n" % data
