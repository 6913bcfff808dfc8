"""The model in an agent file: which one, how it is called, what it costs."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, Tag, WithJsonSchema

from folkmoot.agents.part import MAPPING, TEXT, EnvName, Part, PathText, Usd, either, wrong
from folkmoot.agents.units import Span

_CHOICE = re.compile(r"[a-z][a-z0-9_-]*:\S+")


class PricePart(Part):
    """What a model costs, in US dollars per million tokens."""

    input: Usd = Field(description="Tokens that go in.", examples=[3.0])
    output: Usd = Field(description="Tokens that come out.", examples=[15.0])
    cache_read: Usd | None = Field(
        default=None,
        description="Tokens read from the provider's cache; as input if left out.",
        examples=[0.3],
    )
    cache_write: Usd | None = Field(
        default=None,
        description="Tokens written to the cache; as input if left out.",
        examples=[3.75],
    )


class ModelPart(Part):
    """Which model, by which provider, and how it is called."""

    provider: str = Field(
        pattern=r"^[a-z][a-z0-9_-]*$", description="The provider.", examples=["anthropic"]
    )
    name: str = Field(
        default="",
        description="The model, as the provider names it. Needed unless the provider is `scripted`.",
        examples=["claude-sonnet-5-5"],
    )
    base_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s@]+)?$",
        description="Address of a compatible server; the provider's own if left out.",
        examples=["http://localhost:11434/v1"],
    )
    api_key_env: EnvName | None = Field(
        default=None,
        description="Name of the environment variable that holds the key; never the key itself.",
        examples=["OPENROUTER_API_KEY"],
    )
    settings: dict[str, Any] = Field(
        default={},
        description="Passed to the provider with every call.",
        examples=[{"temperature": 0, "max_tokens": 4096}],
    )
    options: dict[str, Any] = Field(
        default={},
        description="Options of the provider's adapter, not sent to the provider.",
        examples=[{"native_output": False}],
    )
    timeout: Span = Field(
        default=120.0, description="Time that one call may take.", examples=["90s"]
    )
    retries: int = Field(
        default=3,
        ge=0,
        le=20,
        description="Tries after the first, when a fault may pass.",
        examples=[5],
    )
    price: PricePart | None = Field(
        default=None,
        description="What the model costs; the built-in table if left out.",
        examples=[{"input": 3.0, "output": 15.0}],
    )
    script: PathText = Field(
        default="",
        description="Only `scripted`: a file with turns, relative to the agent file.",
        examples=["reader.script.yaml"],
    )
    turns: list[Any] = Field(
        default=[],
        description="Only `scripted`: the turns themselves.",
        examples=[[{"text": "Done."}]],
    )


def _choice(text: str) -> str:
    if not _CHOICE.fullmatch(text):
        raise wrong("provider:name, such as anthropic:claude-sonnet-5-5")
    return text


_ChoiceText = Annotated[
    str,
    AfterValidator(_choice),
    WithJsonSchema({"type": "string", "pattern": f"^{_CHOICE.pattern}$"}),
]
Model = Annotated[
    Annotated[_ChoiceText, Tag(TEXT)] | Annotated[ModelPart, Tag(MAPPING)],
    either("provider:name, or a mapping with `provider` and `name`"),
]
