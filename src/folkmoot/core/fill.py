"""Texts with places to be filled in: `Order {{ payload.order.id }} from {{ event_type }}`.

A place names a value by its path through mappings and lists. Nothing is computed and nothing is called,
so what comes from outside can only ever be text. A text is put in as it is, any other value as JSON.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from folkmoot.core.errors import Invalid

_PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PATH = re.compile(r"[^\s.{}]+(\.[^\s.{}]+)*")


def places(text: str) -> Iterator[str]:
    """Yield the paths that a text names. Raises Invalid for a place without one."""
    for found in _PLACE.findall(text):
        path = found.strip()
        if not _PATH.fullmatch(path):
            raise Invalid(f"{{{{{found}}}}} names no value: write {{{{ payload.name }}}}.")
        yield path


def fill(text: str, values: Mapping[str, Any]) -> str:
    """Return a text with its places filled in. Raises Invalid when a value is not there."""
    return _PLACE.sub(lambda found: _text(_find(found[1].strip(), values)), text)


def _find(path: str, values: Any) -> Any:
    for word in path.split("."):
        if isinstance(values, Mapping) and word in values:
            values = values[word]
        elif isinstance(values, list) and word.isdecimal() and int(word) < len(values):
            values = values[int(word)]
        else:
            raise Invalid(f"The event has no {path}.")
    return values


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
