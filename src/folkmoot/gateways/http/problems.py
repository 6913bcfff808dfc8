"""Problems: every error as RFC 9457 `application/problem+json`.

ERRORS says what HTTP makes of each class of core/errors.py (a class without a line of its own is
answered like the class it comes from); REFUSALS are those that only HTTP knows. Both are
documented in docs/reference/errors.md, and a test holds the page to these tables.
"""

import logging
from inspect import cleandoc
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from folkmoot.core import errors
from folkmoot.core.errors import FolkmootError
from folkmoot.gateways.http.bodies import FieldError, Problem
from folkmoot.gateways.http.methods import allowed

MEDIA_TYPE = "application/problem+json"
_DEFECT = 500
_log = logging.getLogger("folkmoot.http")


class Status(msgspec.Struct, frozen=True):
    """What HTTP makes of an error. `retry_after` (seconds) says that it may pass by itself."""

    code: int
    retry_after: int | None = None


ERRORS: dict[type[FolkmootError], Status] = {
    errors.FolkmootError: Status(500),
    errors.Invalid: Status(422),
    errors.SettingsInvalid: Status(500),
    errors.CronInvalid: Status(400),
    errors.NotFound: Status(404),
    errors.Conflict: Status(409),
    errors.QueueFull: Status(503, retry_after=5),
    errors.Denied: Status(403),
    errors.ModelFault: Status(502),
    errors.RateLimited: Status(429, retry_after=30),
    errors.Overloaded: Status(503, retry_after=30),
    errors.ModelTimeout: Status(504),
    errors.ToolFault: Status(502),
    errors.ToolTimeout: Status(504),
    errors.SourceFault: Status(503, retry_after=30),
    errors.BrokerFault: Status(503, retry_after=5),
    errors.StoreFault: Status(503, retry_after=5),
    errors.SchemaMismatch: Status(500),
    errors.JournalBroken: Status(500),
}


class Refusal(msgspec.Struct, frozen=True):
    """A request that did not come as far as the desk."""

    status: int
    title: str
    todo: str
    kept: str = "Nothing was changed."


REFUSALS = {
    "INVALID_JSON": Refusal(400, "The body is not JSON", "Send one JSON object."),
    "AUTH_FAILED": Refusal(
        401,
        "An API key is needed",
        "Send a key that FOLKMOOT_API_KEYS names, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
    ),
    "NOT_FOUND": Refusal(404, "There is nothing here", "See /docs for the routes."),
    "METHOD_NOT_ALLOWED": Refusal(
        405, "This route knows other methods", "Use a method that the Allow header names."
    ),
    "BODY_TOO_LARGE": Refusal(
        413,
        "The body is too large",
        "Put large inputs where a tool can read them; send their name.",
    ),
    "NOT_JSON": Refusal(
        415, "Only JSON is taken", "Send `Content-Type: application/json`, even with an empty body."
    ),
    "MISDIRECTED": Refusal(
        421,
        "This server does not go by that name",
        "Use http://localhost or http://127.0.0.1, or bind another address and set FOLKMOOT_API_KEYS.",
    ),
    "INVALID_REQUEST": Refusal(
        422, "The request does not fit its schema", "Correct the fields that `errors` names."
    ),
    "INTERNAL": Refusal(
        500,
        "A defect",
        "Report it with the trace_id. What was asked may have been done: look before you repeat it.",
        kept="Everything that was written before.",
    ),
}
_BY_STATUS = {
    400: "INVALID_JSON",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "BODY_TOO_LARGE",
}


def status_of(kind: type[FolkmootError]) -> Status:
    """Return what HTTP makes of an error: its own line, else that of the class it comes from."""
    return next(ERRORS[base] for base in kind.__mro__ if base in ERRORS)


def refuse(
    scope: Scope,
    code: str,
    detail: str,
    headers: dict[str, str] | None = None,
    fields: list[FieldError] | None = None,
) -> Response:
    """Return the answer for a request that is refused before it reaches the desk."""
    refusal = REFUSALS[code]
    problem = Problem(
        type=_type(code),
        title=refusal.title,
        status=refusal.status,
        detail=detail,
        instance=scope["path"],
        code=code,
        kept=refusal.kept,
        todo=refusal.todo,
        trace_id=_trace_id(scope),
        errors=fields,
    )
    return _response(problem, headers)


def describe(scope: Scope, fault: FolkmootError) -> Problem:
    """Return an error of the core as a problem."""
    return Problem(
        type=_type(fault.code),
        title=cleandoc(type(fault).__doc__ or "").splitlines()[0].rstrip("."),
        status=status_of(type(fault)).code,
        detail=fault.message,
        instance=scope["path"],
        code=fault.code,
        kept=fault.kept or _kept(fault),
        todo=fault.todo,
        trace_id=_trace_id(scope),
        details=msgspec.to_builtins(fault.details, enc_hook=str, str_keys=True) or None,
    )


def _kept(fault: FolkmootError) -> str:
    """Return what is true of a request that names nothing, or cannot be used, when nobody said it."""
    return "Nothing was changed." if isinstance(fault, errors.NotFound | errors.Invalid) else ""


def answer(scope: Scope, fault: FolkmootError) -> Response:
    """Return the response for an error of the core, and log it when it is ours."""
    problem = describe(scope, fault)
    if problem.status >= _DEFECT:
        about = {"code": fault.code, "path": scope["path"], "trace_id": problem.trace_id}
        _log.warning("http.fault %s", fault.message, extra=about)
    wait = status_of(type(fault)).retry_after
    if wait is None:
        return _response(problem)
    asked = fault.details.get("retry_after")
    seconds = max(1, round(asked)) if isinstance(asked, int | float) else wait
    return _response(problem, {"Retry-After": str(seconds)})


def install(app: FastAPI) -> None:
    """Let `app` answer with problems: errors of the core, of validation, of routing."""
    app.add_exception_handler(FolkmootError, _on_fault)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_fault(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, FolkmootError)
    return answer(request.scope, fault)


async def _on_invalid(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)
    found = fault.errors()
    if any(error["type"] == "json_invalid" for error in found):
        return refuse(request.scope, "INVALID_JSON", "The body cannot be read as JSON.")
    # What was sent is not repeated: it may be a secret in the wrong place.
    fields = [FieldError(field=_path(error["loc"]), message=str(error["msg"])) for error in found]
    detail = "; ".join(f"{field.field}: {field.message}" for field in fields[:5])
    return refuse(request.scope, "INVALID_REQUEST", detail, fields=fields)


def _path(place: tuple[Any, ...]) -> str:
    # A name that was sent may hold half a character, which cannot be sent back.
    return ".".join(str(part) for part in place).encode("utf-8", "replace").decode()


async def _on_http(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    code = _BY_STATUS.get(fault.status_code, "INTERNAL")
    path = request.scope["path"]
    if code == "NOT_FOUND":
        return refuse(request.scope, code, f"There is no route {path}.")
    if code == "METHOD_NOT_ALLOWED":
        allow = {"Allow": allowed(request.app.openapi(), path)}
        return refuse(request.scope, code, f"{request.method} is not possible here.", allow)
    return refuse(request.scope, code, str(fault.detail))


def _response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, headers, MEDIA_TYPE)


def _type(code: str) -> str:
    return f"urn:folkmoot:error:{code}"


def _trace_id(scope: Scope) -> str:
    return str(scope.get("state", {}).get("trace_id", ""))
