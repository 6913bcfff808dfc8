"""Checks a JSON Schema that an agent's replies must fit: valid in itself, and whole in itself."""

from typing import Any, Final

import jsonschema_rs

from folkmoot.agents.mistakes import Path

_DRAFTS: Final = ("2020-12", "2019-09", "draft-07", "draft-06", "draft-04")


def flaw(schema: dict[str, Any]) -> tuple[Path, str] | None:
    """Return where a JSON Schema is wrong and why, or None."""
    draft = schema.get("$schema", "https://json-schema.org/draft/2020-12/schema")
    if not isinstance(draft, str) or not any(f"/{name}/" in draft for name in _DRAFTS):
        return ("$schema",), f"this draft is not known; known are {', '.join(_DRAFTS)}"
    # The library would fetch what it does not have: never while a file is read.
    outside = _outside(schema, ())
    if outside is not None:
        return outside, "a schema may refer to itself (#/…) only, not to other documents"
    try:
        jsonschema_rs.validator_for(schema)
    except jsonschema_rs.ValidationError as fault:
        return tuple(fault.instance_path), fault.message
    except (jsonschema_rs.ReferencingError, ValueError) as fault:
        return (), str(fault).splitlines()[0]
    return None


def _outside(value: Any, path: Path) -> Path | None:
    """Return the first reference that leads out of the document."""
    if isinstance(value, dict):
        for word in ("$ref", "$dynamicRef", "$recursiveRef"):
            if isinstance(value.get(word), str) and not value[word].startswith("#"):
                return (*path, word)
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = (_outside(each, (*path, key)) for key, each in inner if isinstance(each, dict | list))
    return next((one for one in found if one is not None), None)
