"""Every provider's adapter against the fake of its wire."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import msgspec
import pytest

from folkmoot.core.agent import ModelChoice
from folkmoot.models.registry import Models
from folkmoot.testing.contracts.model import ModelContract
from folkmoot.testing.wires.anthropic import Anthropic
from folkmoot.testing.wires.bedrock import Bedrock
from folkmoot.testing.wires.openai_chat import OpenAIChat
from folkmoot.testing.wires.openai_responses import OpenAIResponses
from folkmoot.testing.wires.script import Reply
from folkmoot.testing.wires.server import FakeProvider, Wire

pytestmark = pytest.mark.slow

SECRET = "folk0123456789abcdef0123456789moot"


class FakeBench:
    secret = SECRET

    def __init__(self, provider: str, fake: FakeProvider, path: str, name: str, options) -> None:
        self._fake = fake
        self._models = Models({
            "FAKE_KEY": SECRET,
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        })  # fmt: skip
        self.choice = ModelChoice(
            provider=provider,
            name=name,
            base_url=fake.url + path,
            api_key_env="" if provider == "bedrock" else "FAKE_KEY",
            timeout_s=20.0,
            options=options,
        )

    @property
    def model(self):
        return self._models.get(self.choice)

    @property
    def left(self) -> asyncio.Event:
        return self._fake.left

    async def script(self, *replies: Reply) -> None:
        self._fake.script(*replies)

    async def asked(self) -> int:
        return len(self._fake.seen)

    async def heard(self) -> str:
        return msgspec.json.encode(self._fake.seen[-1].body).decode()

    async def vanish(self) -> None:
        await self._fake.__aexit__(None, None, None)

    async def close(self) -> None:
        await self._models.close()


class WireContract(ModelContract):
    provider = ""
    wire: Callable[[], Wire]
    path = ""
    name = "fake-model-1"
    options: ClassVar[dict[str, bool]] = {}

    @pytest.fixture
    async def bench(self):
        async with FakeProvider(type(self).wire()) as fake:
            bench = FakeBench(self.provider, fake, self.path, self.name, self.options)
            yield bench
            await bench.close()


class TestOpenAIChat(WireContract):
    provider, wire, path = "openai", OpenAIChat, "/v1"
    name, options = "gpt-5", {"transparent": True}
    gaps = frozenset({"thoughts"})


class TestCompatibleChat(WireContract):
    provider, wire, path = "openai", OpenAIChat, "/v1"
    gaps = frozenset({"thoughts"})


class TestOpenAIResponses(WireContract):
    provider, wire, path = "openai-responses", OpenAIResponses, "/v1"
    name, options = "gpt-5", {"transparent": True}


class TestCompatibleResponses(WireContract):
    provider, wire, path = "openai-responses", OpenAIResponses, "/v1"
    gaps = frozenset({"thoughts"})


class TestOpenRouter(WireContract):
    provider, wire, path = "openrouter", partial(OpenAIChat, router=True), "/api/v1"
    name = "anthropic/claude-sonnet-4.5"


class TestOllama(WireContract):
    provider, wire, path = "ollama", OpenAIChat, "/v1"
    gaps = frozenset({"thoughts"})
    name = "qwen3"


class TestAnthropic(WireContract):
    provider, wire = "anthropic", Anthropic
    name = "claude-opus-4-8"


class TestBedrock(WireContract):
    provider, wire = "bedrock", Bedrock
    name = "anthropic.claude-sonnet-5-5-20250929-v1:0"
