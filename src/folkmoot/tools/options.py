"""Options of a tool in an agent file: declared as a struct, read strictly."""

from typing import Any, TypeVar

import msgspec

from folkmoot.core.errors import Invalid

T = TypeVar("T", bound=msgspec.Struct)


def read(tool: str, options: dict[str, Any], shape: type[T]) -> T:
    """Return the options as `shape` (which forbids unknown fields). Raises Invalid."""
    try:
        return msgspec.convert(options, shape)
    except (msgspec.ValidationError, Invalid) as fault:
        known = ", ".join(shape.__struct_fields__)
        raise Invalid(
            f"The options of the tool {tool!r} cannot be used: {fault}.",
            todo=f"Its options are: {known}." if known else "It takes no options.",
        ) from None


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For tools that take none."""
