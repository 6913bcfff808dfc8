"""What an agent may set for a provider's call (`model.settings`), and what it may not.

The common settings are translated by every wire that knows them. Those that begin with a provider's
name go to that provider. What would break a promise of the port is refused: retries and time-outs of
our own are journaled; a conversation kept at the provider would not be in the journal.
"""

from typing import Any

from folkmoot.core.errors import ModelRejected

COMMON = frozenset({
    "cache", "extra_body", "extra_headers", "frequency_penalty", "logit_bias", "max_tokens",
    "parallel_tool_calls", "presence_penalty", "seed", "service_tier", "stop_sequences",
    "temperature", "thinking", "tool_choice", "top_k", "top_p",
})  # fmt: skip
REFUSED = frozenset({
    "openai_background", "openai_conversation_id", "openai_continuous_usage_stats",
    "openai_native_tools", "openai_previous_response_id", "openai_transport",
    "anthropic_container", "anthropic_context_management",
})  # fmt: skip


def checked(settings: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return the settings as they are. Raises ModelRejected for one that is unknown or refused."""
    for name in settings:
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
    return settings
