"""OpenAI's wires: chat completions and responses, and the services that speak chat completions.

`openai` serves OpenAI itself and any compatible base_url (vLLM, ResetData, gateways); a service
that is not OpenAI gets the library's profile for compatible services, which asks for less.
`openrouter` and `ollama` are the same wire with their own address and reasoning fields.
"""

from collections.abc import Mapping
from typing import Any

from openai import AsyncOpenAI
from pydantic_ai.models import Model as Library
from pydantic_ai.models.ollama import OllamaModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.models.openrouter import OpenRouterModel
from pydantic_ai.providers.ollama import OllamaProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.providers.openrouter import OpenRouterProvider

from folkmoot.core.agent import ModelChoice
from folkmoot.models.wires.client import client, timeout
from folkmoot.models.wires.endpoint import Endpoint, Home, find
from folkmoot.models.wires.faults import Cleaner
from folkmoot.models.wires.options import native_output
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
# The client demands a key; services without one get this and ignore it.
NO_KEY = "none"


def chat(choice: ModelChoice, env: Mapping[str, str]) -> Wire:
    """Return chat completions, of OpenAI or of a compatible service."""
    place = find(choice, env, OPENAI)
    sdk = _sdk(choice, env, place)
    return _wire(choice, place, sdk, OpenAIChatModel(choice.name, provider=_provider(place, sdk)))


def responses(choice: ModelChoice, env: Mapping[str, str]) -> Wire:
    """Return the responses API, of OpenAI or of a compatible service."""
    place = find(choice, env, OPENAI)
    sdk = _sdk(choice, env, place)
    library = OpenAIResponsesModel(choice.name, provider=_provider(place, sdk))
    return _wire(choice, place, sdk, library)


def openrouter(choice: ModelChoice, env: Mapping[str, str]) -> Wire:
    """Return OpenRouter's chat completions."""
    place = find(choice, env, OPENROUTER)
    sdk = _sdk(choice, env, place)
    library = OpenRouterModel(choice.name, provider=OpenRouterProvider(openai_client=sdk))
    return _wire(choice, place, sdk, library, prefix="openrouter_")


def ollama(choice: ModelChoice, env: Mapping[str, str]) -> Wire:
    """Return Ollama's chat completions, which it serves under /v1."""
    place = find(choice, env, OLLAMA)
    sdk = _sdk(choice, env, place)
    library = OllamaModel(choice.name, provider=OllamaProvider(openai_client=sdk))
    return _wire(choice, place, sdk, library)


def _provider(place: Endpoint, sdk: AsyncOpenAI) -> Any:
    if place.own:
        return OpenAIProvider(openai_client=sdk)
    return OpenAICompatibleProvider(place.host, openai_client=sdk)


def _sdk(choice: ModelChoice, env: Mapping[str, str], place: Endpoint) -> AsyncOpenAI:
    sdk = AsyncOpenAI(
        api_key=place.key or NO_KEY,
        base_url=place.url,
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


def _wire(
    choice: ModelChoice,
    place: Endpoint,
    sdk: AsyncOpenAI,
    library: Library,
    prefix: str = "openai_",
) -> Wire:
    return Wire(
        Wired(
            library=library,
            maker=choice.provider if place.own else f"{choice.provider}@{place.host}",
            prefix=prefix,
            clean=Cleaner(place.key),
            close=sdk.close,
            native_output=native_output(choice),
        )
    )
