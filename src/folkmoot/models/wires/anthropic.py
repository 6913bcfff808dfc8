"""Anthropic's messages.

Newer Claude models bind each thinking block to the conversation before it, and refuse a block when
that has changed since (the context was cut or summarised). The library would then ask a second time
without saying so; here it is told not to. Instead every request to such a model that sends thoughts
back also asks to leave out those that no longer fit.
"""

from collections.abc import Mapping
from typing import Any

from anthropic import AsyncAnthropic
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.profiles.anthropic import AnthropicModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider

from folkmoot.core.agent import ModelChoice
from folkmoot.core.messages import Answered
from folkmoot.models.wires import options
from folkmoot.models.wires.client import client, timeout
from folkmoot.models.wires.endpoint import Endpoint, Home, find
from folkmoot.models.wires.faults import Cleaner
from folkmoot.models.wires.wire import Wire, Wired
from folkmoot.ports.model import Request

ANTHROPIC = Home(
    url="https://api.anthropic.com", url_env="ANTHROPIC_BASE_URL", key_env="ANTHROPIC_API_KEY"
)
_BINDS = "anthropic_binds_thinking_blocks"
_LEAVE_OUT = {"prefix_mismatch_behavior": "drop_block"}


def anthropic(choice: ModelChoice, env: Mapping[str, str]) -> Wire:
    """Return Anthropic's messages API."""
    options.check(choice)
    place = find(choice, env, ANTHROPIC)
    home_like = place.own or options.transparent(choice)
    sdk = _sdk(choice, env, place)
    provider = AnthropicProvider(anthropic_client=sdk)
    binds = (provider.model_profile(choice.name) or {}).get(_BINDS, False)
    profile = AnthropicModelProfile(anthropic_binds_thinking_blocks=False)
    return Wire(
        Wired(
            library=AnthropicModel(choice.name, provider=provider, profile=profile),
            maker=choice.provider if home_like else f"{choice.provider}@{place.host}",
            prefix="anthropic_",
            clean=Cleaner(place.key),
            close=sdk.close,
            settle=lenient if binds else None,
            native_output=options.native_output(choice),
            plain_names=True,
        )
    )


def lenient(settings: dict[str, Any], request: Request) -> dict[str, Any]:
    """Return the settings with the wish to leave out thoughts that no longer fit their conversation."""
    thinking = settings.get("anthropic_thinking", {"type": "adaptive"})
    adaptive = thinking.get("type") == "adaptive" and settings.get("thinking") is not False
    if not adaptive or not any(isinstance(m, Answered) and m.thoughts for m in request.messages):
        return settings
    return {**settings, "anthropic_thinking": {"block_binding": _LEAVE_OUT, **thinking}}


def _sdk(choice: ModelChoice, env: Mapping[str, str], place: Endpoint) -> AsyncAnthropic:
    sdk = AsyncAnthropic(
        api_key=place.key or "none",
        base_url=place.url,
        max_retries=0,
        timeout=timeout(choice.timeout_s),
        http_client=client(env),
        open_telemetry=False,  # our traces are made of the journal
    )
    sdk._custom_headers = {}  # noqa: SLF001 - there is no public way to leave the environment's out
    return sdk
