"""What an agent may set for a provider's call (`model.settings`), and what it may not.

The common settings are translated by every wire that knows them. Those that begin with a provider's
name go to that provider. What would break a promise of the port is refused: retries and time-outs of
our own are journaled; a conversation kept at the provider would not be in the journal.
"""

from collections.abc import Callable
from typing import Any

from folkmoot.core.errors import ModelRejected

REFUSED = frozenset({
    "openai_background", "openai_conversation_id", "openai_continuous_usage_stats",
    "openai_native_tools", "openai_previous_response_id", "openai_transport",
    "anthropic_container", "anthropic_context_management",
})  # fmt: skip


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _headers(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(v, str) and v.isascii() for v in value.values()
    )


def _anything(_: Any) -> bool:
    return True


_SHAPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "cache": ("true, false or a text", lambda value: isinstance(value, bool | str)),
    "extra_body": ("a mapping", lambda value: isinstance(value, dict)),
    "extra_headers": ("a mapping of names to plain texts", _headers),
    "frequency_penalty": ("a number", _number),
    "logit_bias": ("a mapping", lambda value: isinstance(value, dict)),
    "max_tokens": ("a whole number, 1 or more", lambda value: _whole(value) and value > 0),
    "parallel_tool_calls": ("true or false", lambda value: isinstance(value, bool)),
    "presence_penalty": ("a number", _number),
    "seed": ("a whole number", _whole),
    "service_tier": ("a text", lambda value: isinstance(value, str)),
    "stop_sequences": ("a list of texts", _texts),
    "temperature": ("a number", _number),
    "thinking": ("true, false or a text", lambda value: isinstance(value, bool | str)),
    "tool_choice": ("a text or a list of texts", lambda v: isinstance(v, str) or _texts(v)),
    "top_k": ("a whole number", _whole),
    "top_p": ("a number", _number),
}
COMMON = frozenset(_SHAPES)


def checked(settings: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return the settings as they are. Raises ModelRejected for one that is unknown, wrong or refused."""
    for name, value in settings.items():
        if name in REFUSED:
            raise ModelRejected(
                f"The setting {name!r} would keep state that the journal does not see.",
                todo="Take it out of model.settings.",
            )
        if name not in COMMON and not name.startswith(prefix):
            raise ModelRejected(
                f"The setting {name!r} is unknown. Known: {', '.join(sorted(COMMON))}, and those "
                f"that begin with {prefix!r}.",
                todo="Correct model.settings.",
            )
        wanted, fits = _SHAPES.get(name, ("", _anything))
        if not fits(value):
            raise ModelRejected(
                f"The setting {name!r} must be {wanted}.", todo="Correct model.settings."
            )
    return settings
