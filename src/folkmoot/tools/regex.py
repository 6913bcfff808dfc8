"""Regular expressions from a model: matched in linear time, whatever the pattern.

Python's own engine backtracks, holds the interpreter while it does, and cannot be interrupted: one
bad pattern would stop every run of the process. The engine used here is the automaton that already
checks the `pattern` of JSON Schemas. It knows no look-around and no back-references; a pattern
whose automaton would grow too large is refused.
"""

import jsonschema_rs

from folkmoot.core.errors import Invalid

_MOST_CHARACTERS = 2_000
_MOST_BYTES = 2 << 20
_SPECIAL = frozenset(r"\.+*?()|[]{}^$/-")


class Pattern:
    """A compiled pattern; it may match anywhere in a text. Raises Invalid when it cannot be used."""

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        if len(text) > _MOST_CHARACTERS:
            raise Invalid(f"The pattern is longer than {_MOST_CHARACTERS} characters.")
        schema = {"type": "string", "pattern": f"(?i){text}" if ignore_case else text}
        try:
            self._compiled = jsonschema_rs.validator_for(
                schema,
                pattern_options=jsonschema_rs.RegexOptions(
                    size_limit=_MOST_BYTES, dfa_size_limit=_MOST_BYTES
                ),
                offline=True,
            )
        except (jsonschema_rs.ValidationError, ValueError):
            raise Invalid(
                f"{text!r} is not a regular expression that can be used here: it is malformed, too "
                "large, or has look-around or back-references."
            ) from None

    def found(self, text: str) -> bool:
        """Whether the pattern matches somewhere in the text."""
        return bool(self._compiled.is_valid(text))


def literal(text: str) -> str:
    """Return a pattern that matches exactly this text."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in text)
