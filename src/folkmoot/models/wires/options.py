"""What an agent may say about a wire itself (`model.options`).

native_output   false: the output schema is not sent to the provider, only the reply is checked
transparent     true: the base_url only passes on to the provider itself, with all that it can do;
                it is not a service of its own (this never sends it the provider's usual key)
"""

from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import Invalid

_EVERYWHERE = frozenset({"native_output", "transparent"})
_OF_ONE = {"bedrock": frozenset({"region", "credentials"})}


def check(choice: ModelChoice) -> None:
    """Raise Invalid for an option that the wire does not know."""
    known = _EVERYWHERE | _OF_ONE.get(choice.provider, frozenset())
    for name in choice.options:
        if name not in known:
            raise Invalid(
                f"The model {choice} has no option {name!r}; it has {', '.join(sorted(known))}."
            )


def native_output(choice: ModelChoice) -> bool:
    """Return whether the output schema is sent to the provider."""
    return _flag(choice, "native_output", default=True)


def transparent(choice: ModelChoice) -> bool:
    """Return whether the address only passes on to the provider itself."""
    return _flag(choice, "transparent", default=False)


def _flag(choice: ModelChoice, name: str, *, default: bool) -> bool:
    value = choice.options.get(name, default)
    if not isinstance(value, bool):
        raise Invalid(f"options.{name} of {choice} must be true or false.")
    return value
