"""The registry: providers by key, and the models that were made from agents' choices.

A provider is a factory `(choice, environment) -> Model`. The environment is given to the registry
when it is made; no adapter reads the process's own. A model is made at its first use and kept, one
for each (provider, name, base_url, api_key_env, options, time-out), with its connections, until
`close`. The libraries of a provider are imported when its first model is made and not before.
"""

import asyncio
from collections.abc import Callable, Mapping
from importlib import import_module

from folkmoot.core import canonical
from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import FolkmootError, Invalid, ModelUnknown
from folkmoot.models.keywords import Keywords
from folkmoot.models.scripted import Script, Scripted
from folkmoot.models.wires import options
from folkmoot.ports.model import Model

Factory = Callable[[ModelChoice, Mapping[str, str]], Model]

# provider -> the module that makes it, the function in it, the extra that brings its library
_WIRES = {
    "openai": ("folkmoot.models.wires.openai", "chat", "openai"),
    "openai-responses": ("folkmoot.models.wires.openai", "responses", "openai"),
    "openrouter": ("folkmoot.models.wires.openai", "openrouter", "openai"),
    "ollama": ("folkmoot.models.wires.openai", "ollama", "openai"),
    "anthropic": ("folkmoot.models.wires.anthropic", "anthropic", "anthropic"),
    "bedrock": ("folkmoot.models.wires.bedrock", "bedrock", "bedrock"),
}
_KEPT = 1024


class Models:
    """Providers, and the models made so far. All methods but `close` and `warm` are immediate."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Know the built-in providers; `env` is where keys are looked up."""
        self._env = env
        self._factories: dict[str, Factory] = {}
        self._made: dict[bytes, Model] = {}
        self._seen: dict[int, tuple[ModelChoice, Model]] = {}
        self._scripts: dict[str, Script] = {}
        self.register("scripted", lambda choice, _: Scripted(choice, self._scripts))
        self.register("keywords", lambda choice, _: Keywords(choice.name))
        for provider, home in _WIRES.items():
            self.register(provider, _lazily(provider, *home))

    @property
    def providers(self) -> list[str]:
        """The providers that can be named, sorted."""
        return sorted(self._factories)

    def register(self, provider: str, factory: Factory) -> None:
        """Add a provider. Raises Invalid when the name is taken."""
        if provider in self._factories:
            raise Invalid(
                f"The model provider {provider!r} is registered already.",
                kept="The first one stays.",
                todo="Register yours under another name.",
            )
        self._factories[provider] = factory

    def script(self, name: str, script: Script) -> None:
        """Add a Python function as a scripted model's script; `model.name` picks it."""
        if name in self._scripts:
            raise Invalid(f"A script named {name!r} is registered already.")
        self._scripts[name] = script

    def get(self, choice: ModelChoice) -> Model:
        """Return the model of a choice.

        The first call for a provider imports its library (seconds; see `warm`). Raises ModelUnknown,
        ModelAuth (a key is missing) or Invalid (a script or an option has a mistake).
        """
        seen = self._seen.get(id(choice))
        if seen is not None:
            return seen[1]
        model = self._find(choice)
        if len(self._seen) >= _KEPT:
            self._seen.clear()
        # The choice is kept with its model, so that its id stays its own.
        self._seen[id(choice)] = (choice, model)
        return model

    def check(self, choice: ModelChoice) -> None:
        """Look at a choice as far as that needs no library, key or network.

        Raises Invalid or ModelUnknown.
        """
        if choice.provider not in self._factories:
            raise _unknown(choice.provider, self.providers)
        if choice.provider == "scripted" and choice.options:
            Scripted(choice, self._scripts)
        elif choice.provider == "keywords" and choice.options:
            raise Invalid(f"The model {choice} has no options.")
        elif choice.provider in _WIRES:
            options.check(choice)

    async def warm(self, *choices: ModelChoice) -> None:
        """Make the models of these choices in a thread, so that no import blocks the event loop."""
        for choice in choices:
            await asyncio.to_thread(self.get, choice)

    async def close(self) -> None:
        """Close every model that was made. Idempotent."""
        made = list(self._made.values())
        self._made.clear()
        self._seen.clear()
        for result in await asyncio.gather(*(m.close() for m in made), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def _find(self, choice: ModelChoice) -> Model:
        key = canonical.encode(
            (
                choice.provider,
                choice.name,
                choice.base_url,
                choice.api_key_env,
                choice.options,
                choice.timeout_s,
            )
        )
        model = self._made.get(key)
        if model is None:
            factory = self._factories.get(choice.provider)
            if factory is None:
                raise _unknown(choice.provider, self.providers)
            model = self._made.setdefault(key, factory(choice, self._env))
        return model


def _unknown(provider: str, known: list[str]) -> ModelUnknown:
    return ModelUnknown(
        f"There is no model provider {provider!r}. Known: {', '.join(known)}.",
        todo="Correct model.provider. A service that speaks OpenAI's wire is provider `openai` with "
        "its base_url (pip install 'folkmoot[openai]'); others are registered by a plugin.",
    )


def _lazily(provider: str, module: str, name: str, extra: str) -> Factory:
    """Return a factory that imports its adapter, and with it the provider's library, when called."""

    def make(choice: ModelChoice, env: Mapping[str, str]) -> Model:
        try:
            factory: Factory = getattr(import_module(module), name)
        except ImportError as missing:
            raise ModelUnknown(
                f"The model provider {provider!r} needs a library that is not installed "
                f"({missing.name}).",
                todo=f"pip install 'folkmoot[{extra}]'",
            ) from missing
        try:
            return factory(choice, env)
        except FolkmootError:
            raise
        except Exception as fault:  # noqa: BLE001 - each library has exceptions of its own
            raise Invalid(
                f"The library of {provider!r} cannot serve the model {choice}: {fault}",
                todo="Correct the model in the agent file.",
            ) from None

    return make
