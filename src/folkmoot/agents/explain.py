"""What the schema found wrong, in our words and at its place in the file."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from folkmoot.agents.file import form
from folkmoot.agents.mistakes import Path, choices, near, show
from folkmoot.agents.tree import Tree

# Fields of other agent files, and of the compiled agent, by the names they have here.
ELSEWHERE: Final = {
    "system_prompt": "instructions",
    "prompt": "instructions",
    "persona": "instructions",
    "llm": "model",
    "brain": "model",
    "llm_config": "model",
    "execution_mode": "mode",
    "continuous_config": "continuous",
    "idle_timeout_seconds": "idle",
    "max_conversation_history": "max_history",
    "conversation_pruning_strategy": "policy",
    "temperature": "model.settings.temperature",
    "api_key": "api_key_env",
    "denies": "deny",
    "denied": "deny",
    "permissions": "grants",
    "capabilities": "grants",
    "approval": "approvals",
    "max_iterations": "limits.iterations",
    "max_tokens": "limits.tokens",
    "max_cost": "limits.usd",
    "seconds": "time",
    "tool_seconds": "tool_time",
    "timeout_s": "timeout",
    "expires_s": "expires",
    "delay_s": "delay",
    "max_delay_s": "max_delay",
    "memory_mb": "memory",
    "cpu_seconds": "cpu_time",
    "response_format": "output",
    "<<": "merge keys are not read; write the fields out",
}

_FEW: Final = 8  # more names than these are looked up in the reference
_Context = Mapping[str, Any]
_EXPECTED: Final[dict[str, Callable[[_Context], str]]] = {
    "string_type": lambda _: "text",
    "int_type": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "bool_type": lambda _: "true or false",
    "list_type": lambda _: "a list",
    "dict_type": lambda _: "a mapping",
    "model_type": lambda _: "a mapping",
    "literal_error": lambda context: str(context["expected"]),
    "greater_than_equal": lambda context: f"{context['ge']:g} or more",
    "less_than_equal": lambda context: f"{context['le']:g} or less",
    "string_too_short": lambda _: "some text",
    "string_too_long": lambda context: f"at most {context['max_length']} characters",
    "too_short": lambda context: f"at least {context['min_length']} in it",
    "too_long": lambda context: f"at most {context['max_length']} in it",
}
_PATTERNS: Final = {
    "name": "lower-case letters, digits, '-' and '_', at most 64",
    "provider": "a provider's name, in lower case",
    "base_url": "an address that begins with http:// or https:// and holds no user or password",
    "api_key_env": "the name of an environment variable, never the key itself",
    "env": "the names of environment variables, without values",
}


def explain(tree: Tree, fault: ValidationError) -> None:
    """Add to the tree every mistake that the schema found."""
    for error in fault.errors(include_url=False):
        path = _path(tree.data, error["loc"])
        kind, context = error["type"], error.get("ctx", {})
        if kind == "missing":
            tree.note(path, "is missing", expected=_described(path))
        elif kind == "extra_forbidden":
            tree.note_key(path, "there is no such field", hint=_meant(path))
        elif kind == "later":
            hint = f"today: {context['today']}"
            tree.note_key(path, "this field is not in this version of Folkmoot", hint=hint)
        else:
            expected, hint = _expected(kind, path, context, error["msg"])
            found = show(error["input"], path)
            tree.note(path, "", expected=expected, found=found, hint=hint)


def _path(data: Any, loc: tuple[str | int, ...]) -> Path:
    """Return a place without what pydantic puts between its parts (tags of unions, `[key]`)."""
    path: list[str | int] = []
    for at, part in enumerate(loc):
        inside = isinstance(data, dict) and part in data
        if inside or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            data = data[part]
            path.append(part)
        elif at == len(loc) - 1 and isinstance(part, str) and part[0] not in "<[":
            path.append(part)  # what is missing
    return tuple(path)


def _expected(kind: str, path: Path, context: _Context, message: str) -> tuple[str, str]:
    if kind == "string_pattern_mismatch":
        words = [part for part in path if isinstance(part, str)]
        return _PATTERNS.get(words[-1], f"text that fits {context['pattern']}"), ""
    if kind in _EXPECTED:
        return _EXPECTED[kind](context), ""
    if "expected" in context:
        return str(context["expected"]), str(context.get("hint", ""))
    return message[:1].lower() + message[1:], ""


def _described(path: Path) -> str:
    shape = _field(path)
    return str(shape.get("description", "")).split(": ")[0].rstrip(".").lower() if shape else ""


def _meant(path: Path) -> str:
    """Return a suggestion for a field that does not exist, from those that do exist there."""
    name = str(path[-1])
    there = known(path[:-1])
    other = ELSEWHERE.get(name, "")
    if other and (" " in other or "." in other or other in there):
        return other if " " in other else f"did you mean {other!r}?"
    few = f"there are {choices(there)}" if 0 < len(there) <= _FEW else ""
    return near(name, there) or few


def known(path: Path) -> dict[str, Any]:
    """Return the fields that may stand at a path, with their JSON Schema."""
    schema = form()
    here = [schema]
    for part in path:
        here = [inner for shape in here for inner in _inside(schema, shape, part)]
    found = (_resolved(schema, shape) for shape in here)
    return {name: field for one in found for shape in one for name, field in _properties(shape)}


def _field(path: Path) -> dict[str, Any] | None:
    return known(path[:-1]).get(str(path[-1])) if path else None


def _properties(shape: dict[str, Any]) -> Any:
    return shape.get("properties", {}).items()


def _inside(schema: dict[str, Any], shape: dict[str, Any], part: str | int) -> list[dict[str, Any]]:
    key = "items" if isinstance(part, int) else "properties"
    found = [one.get(key, {}) for one in _resolved(schema, shape)]
    return found if key == "items" else [one[part] for one in found if part in one]


def _resolved(schema: dict[str, Any], shape: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the forms a shape may have: references followed, alternatives side by side."""
    if "$ref" in shape:
        return _resolved(schema, schema["$defs"][shape["$ref"].rsplit("/", 1)[1]])
    many = [*shape.get("anyOf", []), *shape.get("oneOf", []), *shape.get("allOf", [])]
    return [one for each in many for one in _resolved(schema, each)] if many else [shape]
