"""The adapters against aimock, whose wires were written by somebody else.

Bedrock is not here: aimock's converse-stream begins a text block with an empty `start`, which
botocore refuses, and our adapter always streams.
"""

import asyncio
import json

import pytest

from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import ReplyGarbled
from folkmoot.core.messages import Said
from folkmoot.models.registry import Models
from folkmoot.ports.model import Request
from folkmoot.testing.contracts.model import ModelContract
from folkmoot.testing.wires.script import Reply

pytestmark = [pytest.mark.slow, pytest.mark.server]

SECRET = "folk0123456789abcdef0123456789moot"


class AimockBench:
    secret = SECRET

    def __init__(self, aimock, choice: ModelChoice, usage: tuple[str, str]) -> None:
        self._aimock = aimock
        self._usage = usage
        self._models = Models({"FAKE_KEY": SECRET})
        self.choice = choice
        self.left = asyncio.Event()

    @property
    def model(self):
        return self._models.get(self.choice)

    async def script(self, *replies: Reply) -> None:
        await self._aimock.script(replies, self._usage)

    async def asked(self) -> int:
        return len(await self._aimock.journal())

    async def heard(self) -> str:
        return json.dumps((await self._aimock.journal())[-1]["body"])

    async def vanish(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        await self._models.close()


class AimockContract(ModelContract):
    # What aimock cannot play, or does not show: it takes no fixture without text or with broken
    # arguments, counts no cached tokens, and its journal keeps messages in one shape for all wires.
    gaps = frozenset({
        "raw", "empty", "cached", "uncounted", "late", "polite", "cancel", "gone", "thoughts",
    })  # fmt: skip
    provider = ""
    path = "/v1"
    name = "fake-model-1"
    usage = ("prompt_tokens", "completion_tokens")

    @pytest.fixture
    async def bench(self, aimock):
        choice = ModelChoice(
            provider=self.provider,
            name=self.name,
            base_url=aimock.url + self.path,
            api_key_env="FAKE_KEY",
            timeout_s=20.0,
        )
        bench = AimockBench(aimock, choice, self.usage)
        yield bench
        await bench.close()


class TestOpenAIChat(AimockContract):
    provider = "openai"

    async def test_a_stream_that_is_cut_in_the_middle_gives_no_reply(self, aimock, bench):
        fixture = {
            "match": {},
            "response": {"content": "a reply of many words " * 20},
            "chunkSize": 10,
            "truncateAfterChunks": 6,
            "latency": 10,
        }
        await aimock.script((), self.usage)
        await aimock.post("/fixtures", {"fixtures": [fixture]})
        pieces: list[str] = []
        request = Request(choice=bench.choice, system="", messages=[Said("Hello.")])
        with pytest.raises(ReplyGarbled):
            await bench.model.call(request, pieces.append)
        assert pieces


class TestOpenAIResponses(AimockContract):
    provider = "openai-responses"
    usage = ("input_tokens", "output_tokens")
    gaps = AimockContract.gaps | {"length", "filtered"}  # it says `failed` for both


class TestOpenRouter(AimockContract):
    provider, path = "openrouter", "/api/v1"
    name = "anthropic/claude-sonnet-4.5"


class TestOllama(AimockContract):
    provider, name = "ollama", "qwen3"


class TestAnthropic(AimockContract):
    provider, path, name = "anthropic", "", "claude-opus-4-8"
    usage = ("input_tokens", "output_tokens")
    gaps = AimockContract.gaps | {"filtered"}  # it says `end_turn`
