"""The application: the desk's routes behind an ordered list of guards.

Edge      gives the request its trace; turns a defect into a 500
Hosts     on loopback: only this machine's own names
Keys      who may use the API
Limits    JSON only, and not too much of it
routes    /v1/…, /health/…, /metrics, /docs
"""

import asyncio
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from folkmoot.core.errors import SettingsInvalid
from folkmoot.gateways.http import (
    agents,
    answers,
    emitted,
    events,
    health,
    pages,
    problems,
    questions,
    runs,
    schedules,
    signals,
    system,
)
from folkmoot.gateways.http.edge import Edge
from folkmoot.gateways.http.hosts import Hosts
from folkmoot.gateways.http.keys import Keys
from folkmoot.gateways.http.limits import Limits
from folkmoot.gateways.http.openapi import complete
from folkmoot.gateways.http.probe import Probe
from folkmoot.gateways.http.shared import Metrics, Shared
from folkmoot.ports.desk import Desk

_ABOUT = (
    "Runs of agents: submit tasks, follow them, steer them, answer what they ask, set schedules. "
    "Times are milliseconds since 1970 (UTC). Errors are application/problem+json."
)
_VERSIONED = (runs, answers, events, signals, questions, agents, schedules, system, emitted)
# FastAPI would otherwise watch every request for an OpenTelemetry that it looks for in the
# environment; our traces are made from journals.
_NO_TELEMETRY: Any = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def create(
    desk: Desk,
    *,
    api_keys: tuple[str, ...],
    loopback: bool,
    metrics: Metrics,
    beat_s: float = 15.0,
    only_health: bool = False,
) -> FastAPI:
    """Return the application. Streams show a sign of life every `beat_s` seconds.

    `only_health` leaves out everything but health and metrics.

    Raises SettingsInvalid when it would be open to everybody: not on loopback, and without keys.
    """
    _check(api_keys, loopback=loopback)
    guards = [
        Middleware(Edge),
        *([Middleware(Hosts)] if loopback else []),
        Middleware(Keys, api_keys, loopback=loopback),
        Middleware(Limits),
    ]
    app = _Api(
        title="Folkmoot",
        version=version("folkmoot"),
        description=_ABOUT,
        openapi_url=None if only_health else "/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=guards,
        generate_unique_id_function=lambda route: route.name,
        telemetry=_NO_TELEMETRY,
    )
    app.state.shared = Shared(desk, metrics, Probe(desk), loopback, beat_s, asyncio.Event())
    problems.install(app)
    app.include_router(health.router)
    if not only_health:
        _route(app)
    return app


def _check(keys: tuple[str, ...], *, loopback: bool) -> None:
    kept = "Nothing was started."
    if any(not key.strip() for key in keys):
        raise SettingsInvalid(
            "One of FOLKMOOT_API_KEYS is empty: it would open the API to everybody.",
            kept=kept,
            todo="Take the empty key out, or give it a value.",
        )
    if not keys and not loopback:
        raise SettingsInvalid(
            "FOLKMOOT_HOST is not a loopback address, and FOLKMOOT_API_KEYS is empty: the API would be open to everybody.",
            kept=kept,
            todo="Set FOLKMOOT_API_KEYS (several keys are separated by commas), or FOLKMOOT_HOST=127.0.0.1.",
        )


def _route(app: FastAPI) -> None:
    versioned = APIRouter(prefix="/v1")
    for part in _VERSIONED:
        versioned.include_router(part.router)
    app.include_router(versioned)
    app.include_router(agents.aliases)
    app.include_router(pages.router)
