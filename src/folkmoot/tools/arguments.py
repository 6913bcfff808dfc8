"""Arguments: what a model gives to a tool, held against the tool's JSON Schema.

The mistakes are written for the model: they name the argument and what was expected, and never
repeat the value, which may be large or secret.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import jsonschema_rs

from folkmoot.core.errors import Invalid
from folkmoot.ports.tool import Tool

_MOST_MISTAKES = 10


def check(tool: Tool, args: dict[str, Any]) -> list[str]:
    """Return what is wrong with the arguments, one sentence each; empty when they fit.

    A tool's schema is compiled once. Raises Invalid when the schema itself cannot be used.
    """
    validator = _compiled(_Same(tool.spec.schema))
    if validator.is_valid(args):
        return []
    known = tuple(tool.spec.schema.get("properties", ()))
    mistakes = [_sentence(error, known) for error in validator.iter_errors(args)]
    if len(mistakes) > _MOST_MISTAKES:
        more = len(mistakes) - _MOST_MISTAKES
        mistakes = [*mistakes[:_MOST_MISTAKES], f"There are {more} more mistakes."]
    return mistakes


class _Same:
    """A schema as a key, by identity. The cache keeps the schema, so its identity stays its own."""

    __slots__ = ("schema",)

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.schema is self.schema


@lru_cache(maxsize=4096)
def _compiled(key: _Same) -> Any:
    try:
        # offline: a schema from outside must not make us fetch what it refers to
        return jsonschema_rs.validator_for(key.schema, offline=True, mask="The value")
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as fault:
        raise Invalid(f"The tool's schema is not a JSON Schema that can be used: {fault}") from None


def _sentence(error: Any, known: tuple[str, ...]) -> str:
    where = _place(error.instance_path)
    facts = error.kind.as_dict()
    name = error.kind.name
    if name == "required":
        return f"`{_join(where, facts['property'])}` is missing."
    if name == "additionalProperties":
        return " ".join(_unexpected(where, extra, known) for extra in facts["unexpected"])
    subject = f"`{where}`" if where else "The arguments"
    if name == "type":
        return f"{subject} must be {_either(facts['types'])}."
    if name == "enum":
        return f"{subject} must be one of: {', '.join(_shown(v) for v in facts['options'])}."
    if name in {"anyOf", "oneOf"} and facts.get("context"):
        ways = [_sentence(errors[0], known) for errors in facts["context"] if errors]
        return "One of these must be mended: " + " Or: ".join(dict.fromkeys(ways))
    message = error.message.removeprefix("The value ")
    return f"{subject} {message}." if message != error.message else f"{subject}: {message}."


def _unexpected(where: str, extra: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(extra, known, 1) if not where else []
    hint = f"; did you mean `{near[0]}`?" if near else "."
    if where:
        return f"`{_join(where, extra)}` is not expected{hint}"
    takes = f" It takes: {', '.join(known)}." if known and not near else ""
    return f"`{extra}` is not an argument of this tool{hint}{takes}"


def _place(path: Iterable[str | int]) -> str:
    place = ""
    for part in path:
        place = f"{place}[{part}]" if isinstance(part, int) else _join(place, part)
    return place


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _either(types: list[str]) -> str:
    words = [f"an {name}" if name[0] in "aeio" else f"a {name}" for name in types]
    return " or ".join(word.replace("a null", "null") for word in words)


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
