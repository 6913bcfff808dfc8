"""What an agent may say about a wire itself (`model.options`)."""

from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import Invalid


def native_output(choice: ModelChoice, *others: str) -> bool:
    """Return whether the output schema is sent to the provider; `others` are options besides.

    Raises Invalid for an option that the wire does not know.
    """
    known = {"native_output", *others}
    for name in choice.options:
        if name not in known:
            raise Invalid(
                f"The model {choice} has no option {name!r}; it has {', '.join(sorted(known))}."
            )
    wanted = choice.options.get("native_output", True)
    if not isinstance(wanted, bool):
        raise Invalid(f"options.native_output of {choice} must be true or false.")
    return wanted
