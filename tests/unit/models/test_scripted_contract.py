"""The scripted model against the suite of every model; what it has no wire for is a gap."""

import asyncio

import pytest

from folkmoot.core.agent import ModelChoice
from folkmoot.models.scripted import Scripted
from folkmoot.testing.contracts.model import ModelContract
from folkmoot.testing.wires.script import Cut, Garbage, Refuse, Reply, Say, Stall

_STATUS = {401: "auth", 403: "auth", 404: "rejected", 429: "rate_limit"}


def _turn(reply: Reply) -> dict:
    if isinstance(reply, Refuse):
        kind = _STATUS.get(reply.status, "overloaded" if reply.status >= 500 else "rejected")
        if "too long" in reply.message:
            kind = "too_long"
        wait = reply.headers.get("retry-after")
        return {"fault": kind, "retry_after": float(wait) if wait else None}
    if isinstance(reply, Garbage):
        return {"fault": "garbled"}
    if isinstance(reply, Cut):
        return {"fault": "cut", "text": reply.say.text}
    if isinstance(reply, Stall):
        return {"fault": "timeout"}
    return _said(reply)


def _said(say: Say) -> dict:
    turn: dict = {
        "text": say.text,
        "calls": [{"tool": call.name, "args": call.args} for call in say.calls],
    }
    if say.counted:
        turn["usage"] = {"input": say.input, "output": say.output, "cache_read": say.cached}
    return turn | ({} if say.finish == "stop" else {"finish": say.finish})


class ScriptedBench:
    secret = ""

    def __init__(self) -> None:
        self.choice = ModelChoice(provider="scripted", name="scripted")
        self.left = asyncio.Event()
        self.requests: list = []

    async def script(self, *replies: Reply) -> None:
        choice = ModelChoice(
            provider="scripted", name="scripted", options={"turns": [_turn(r) for r in replies]}
        )
        self._model = Scripted(choice, {})
        self.requests.clear()

    @property
    def model(self):
        return self

    async def call(self, request, delta=None):
        self.requests.append(request)
        return await self._model.call(request, delta)

    async def close(self) -> None:
        await self._model.close()

    async def asked(self) -> int:
        return len(self.requests)

    async def heard(self) -> str:
        return repr(self.requests[-1])

    async def vanish(self) -> None:
        raise NotImplementedError


class TestScripted(ModelContract):
    gaps = frozenset({"raw", "thoughts", "late", "empty", "polite", "cancel", "gone", "keys"})

    @pytest.fixture
    def bench(self):
        return ScriptedBench()
