"""Names of tools: what every provider takes."""

import re

from folkmoot.core.errors import Invalid

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def checked(name: str) -> str:
    """Return the name. Raises Invalid when a provider would refuse it."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"{name!r} is not a name for a tool.",
            todo="Use a letter, then letters, digits, `_` and `-`, at most 64 characters.",
        )
    return name
