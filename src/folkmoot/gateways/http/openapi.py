"""The OpenAPI document: what FastAPI finds out, with our problems and keys put in.

FastAPI knows nothing of problem+json: it would promise an error body that nobody sends.
"""

from typing import Any

from folkmoot.gateways.http.bodies import Problem
from folkmoot.gateways.http.keys import OPEN
from folkmoot.gateways.http.problems import MEDIA_TYPE

_REF = "#/components/schemas/{model}"
_ANY = {"401": "No API key that fits.", "500": "A defect.", "503": "Not now; see Retry-After."}
_NAMED = {"404": "There is nothing by that name."}
_NAMING = {
    ("post", "/v1/runs"),
    ("get", "/v1/questions"),
    ("get", "/v1/ledger/verify"),
    ("post", "/v1/schedules"),
    ("post", "/v1/agents/reload"),
    ("post", "/api/v1/cache/invalidate"),
}
"""What names an agent or a run, though not in its path."""
_DECIDING = {"403": "The agent file lets others decide this."}
_METRICS = {"text/plain": {"schema": {"type": "string"}}}
_CHANGING = {
    "400": "The body is not JSON.",
    "409": "Not in this state, or the Idempotency-Key was used for something else.",
    "413": "The body is too large.",
    "415": "The body is not declared as JSON.",
}
_GIVEN = {"422": "The request does not fit its schema."}
_UNUSED = ("HTTPValidationError", "ValidationError")


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Put the problem responses and the security schemes into a document, and return it."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _UNUSED:
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template=_REF)
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete_operation(path, method, operation)
    document["paths"]["/metrics"]["get"]["responses"]["200"]["content"] = _METRICS
    return document


def _complete_operation(path: str, method: str, operation: dict[str, Any]) -> None:
    operation["security"] = [] if path in OPEN else [{"bearer": []}, {"key": []}]
    responses: dict[str, Any] = operation["responses"]
    given = responses.pop("422", None)
    kinds = {} if path in OPEN else dict(_ANY)
    if "{" in path or (method, path) in _NAMING:
        kinds |= _NAMED
    if "/approvals/" in path:
        kinds |= _DECIDING
    if method == "delete":
        kinds |= {"409": _CHANGING["409"]}
    elif method != "get":
        kinds |= _CHANGING
    if given is not None:
        kinds |= _GIVEN
    for status, meaning in kinds.items():
        responses.setdefault(status, _problem(meaning))
    operation["responses"] = dict(sorted(responses.items()))


def _problem(meaning: str) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="Problem")}
    return {"description": meaning, "content": {MEDIA_TYPE: {"schema": schema}}}
