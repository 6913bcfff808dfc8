"""OpenAI's wires: chat completions and responses, and the services that speak chat completions.

`openai` serves OpenAI itself and any compatible base_url (vLLM, ResetData, gateways); a service
that is not OpenAI gets the library's profile for compatible services, which asks for less.
`openrouter` and `ollama` are the same wire with their own address and reasoning fields.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from openai import AsyncOpenAI
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models import Model as Library
from pydantic_ai.models.ollama import OllamaModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel, OpenAIStreamedResponse
from pydantic_ai.models.openrouter import OpenRouterModel
from pydantic_ai.providers.ollama import OllamaProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.providers.openrouter import OpenRouterProvider
from pydantic_ai.usage import RequestUsage

from folkmoot.core.agent import ModelChoice
from folkmoot.models.wires import options
from folkmoot.models.wires.client import client, timeout
from folkmoot.models.wires.endpoint import Endpoint, Home, find
from folkmoot.models.wires.faults import Cleaner
from folkmoot.models.wires.wire import Wire, Wired

OPENAI = Home(url="https://api.openai.com/v1", url_env="OPENAI_BASE_URL", key_env="OPENAI_API_KEY")
OPENROUTER = Home(
    url="https://openrouter.ai/api/v1", url_env="OPENROUTER_BASE_URL", key_env="OPENROUTER_API_KEY"
)
OLLAMA = Home(
    url="http://127.0.0.1:11434/v1",
    url_env="OLLAMA_BASE_URL",
    key_env="OLLAMA_API_KEY",
    needs_key=False,
)
_PREFIXES = {"openrouter": "openrouter_"}
_Build = Callable[[Endpoint, AsyncOpenAI], Library]
# The client demands a key; services without one get this and ignore it.
NO_KEY = "none"
_ERRORS, _FAILED = range(400, 600), 500


@dataclass
class _Stream(OpenAIStreamedResponse):  # type: ignore[misc]
    """A stream as compatible services send it.

    The last count holds: some count all that was so far with every piece. A call that begins with an id
    and a name of its own is another call, also where all calls are said to be the first (index 0).
    """

    _begun: dict[int, str] = field(default_factory=dict, init=False)
    _shift: int = field(default=0, init=False)

    def _map_tool_call_delta(self, choice: Any) -> Any:
        for call in choice.delta.tool_calls or ():
            if call.index is None:
                continue
            name = call.function.name if call.function else None
            if call.id and name and self._begun.get(call.index + self._shift, call.id) != call.id:
                self._shift = max(self._begun) + 1 - call.index
            call.index += self._shift
            if call.id:
                self._begun[call.index] = call.id
        return super()._map_tool_call_delta(choice)

    def _add_usage(self, usage: RequestUsage, *, reported: bool, **_: Any) -> None:
        if reported:
            super()._add_usage(usage, reported=True, cumulative=True)


class _Chat(OpenAIChatModel):  # type: ignore[misc]
    """Chat completions as compatible services send them: streamed so, and with errors that are a 200."""

    def _validate_completion(self, response: Any) -> Any:
        error = getattr(response, "error", None)
        if not error:
            return super()._validate_completion(response)
        code = error.get("code") if isinstance(error, dict) else None
        status = code if isinstance(code, int) and code in _ERRORS else _FAILED
        raise ModelHTTPError(status, self.model_name, {"error": error})

    @property
    def _streamed_response_cls(self) -> type[OpenAIStreamedResponse]:
        return _Stream


def chat(choice: ModelChoice, env: Mapping[str, str]) -> Wire:
    """Return chat completions, of OpenAI or of a compatible service."""
    return _wire(
        choice, env, OPENAI, lambda at, sdk: _Chat(choice.name, provider=_provider(choice, at, sdk))
    )


def responses(choice: ModelChoice, env: Mapping[str, str]) -> Wire:
    """Return the responses API, of OpenAI or of a compatible service."""
    return _wire(
        choice,
        env,
        OPENAI,
        lambda at, sdk: OpenAIResponsesModel(choice.name, provider=_provider(choice, at, sdk)),
    )


def openrouter(choice: ModelChoice, env: Mapping[str, str]) -> Wire:
    """Return OpenRouter's chat completions."""
    return _wire(
        choice,
        env,
        OPENROUTER,
        lambda _, sdk: OpenRouterModel(choice.name, provider=OpenRouterProvider(openai_client=sdk)),
    )


def ollama(choice: ModelChoice, env: Mapping[str, str]) -> Wire:
    """Return Ollama's chat completions, which it serves under /v1."""
    return _wire(
        choice,
        env,
        OLLAMA,
        lambda _, sdk: OllamaModel(choice.name, provider=OllamaProvider(openai_client=sdk)),
    )


def _wire(choice: ModelChoice, env: Mapping[str, str], home: Home, build: _Build) -> Wire:
    options.check(choice)
    native, place = options.native_output(choice), find(choice, env, home)
    home_like = place.own or options.transparent(choice)
    sdk = _sdk(choice, env, place)
    return Wire(
        Wired(
            library=build(place, sdk),
            maker=choice.provider if home_like else f"{choice.provider}@{place.host}",
            prefix=_PREFIXES.get(choice.provider, "openai_"),
            clean=Cleaner(place.key),
            close=sdk.close,
            native_output=native,
            plain_names=home_like and choice.provider.startswith("openai"),
        )
    )


def _provider(choice: ModelChoice, place: Endpoint, sdk: AsyncOpenAI) -> Any:
    if place.own or options.transparent(choice):
        return OpenAIProvider(openai_client=sdk)
    return OpenAICompatibleProvider(place.host, openai_client=sdk)


def _sdk(choice: ModelChoice, env: Mapping[str, str], place: Endpoint) -> AsyncOpenAI:
    sdk = AsyncOpenAI(
        api_key=place.key or NO_KEY,
        base_url=_versioned(place.url) if choice.provider == "ollama" else place.url,
        max_retries=0,
        timeout=timeout(choice.timeout_s),
        http_client=client(env),
    )
    # The client also takes an organisation, a project and headers from the process's environment;
    # they belong to an account, and the address may be a stranger's.
    sdk.organization = env.get("OPENAI_ORG_ID") if place.own else None
    sdk.project = env.get("OPENAI_PROJECT_ID") if place.own else None
    sdk.admin_api_key = None
    sdk._custom_headers = {}  # noqa: SLF001 - there is no public way to leave the environment's out
    return sdk


def _versioned(url: str) -> str:
    """Return Ollama's address with the path under which it speaks this wire."""
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/v1"
