"""Methods: what a path knows, for the Allow header of a 405 (the router names only one)."""

import re
from typing import Any


def allowed(document: dict[str, Any], path: str) -> str:
    """Return the methods of a path by the OpenAPI document, as an Allow header writes them."""
    found = {
        method.upper()
        for template, methods in document["paths"].items()
        if _fits(template, path)
        for method in methods
    }
    return ", ".join(sorted(found))


def _fits(template: str, path: str) -> bool:
    pieces = (re.escape(piece) for piece in re.split(r"\{[^}]+\}", template))
    return re.fullmatch("[^/]+".join(pieces), path) is not None
