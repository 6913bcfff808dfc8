"""Health and metrics, at every address that somebody may expect them at."""

import inspect

from fastapi import APIRouter, Response
from starlette.requests import Request

from folkmoot.gateways.http.bodies import HealthBody, LiveBody
from folkmoot.gateways.http.shared import SharedHere

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(tags=["health"])


@router.get("/health/live")
@router.get("/healthz", name="healthz")
async def live() -> LiveBody:
    """Tell that the process answers. Whether work can be done is another question: /health/ready."""
    return LiveBody()


@router.get("/health/ready", responses={503: {"model": HealthBody, "description": "Not ready."}})
@router.get("/ready", name="ready_alias", responses={503: {"model": HealthBody}})
@router.get("/health", name="health", responses={503: {"model": HealthBody}})
async def ready(request: Request, response: Response, shared: SharedHere) -> HealthBody:
    """Probe every part now. 503 when work cannot be done; `failing` names the parts."""
    health = await shared.probe.look()
    if not health.ready:
        response.status_code = 503
    return HealthBody.of(health, trusted=request.state.trusted)


@router.get("/metrics", response_class=Response)
async def metrics(shared: SharedHere) -> Response:
    """Return the metrics in Prometheus' text format."""
    page = shared.metrics()
    if inspect.isawaitable(page):
        page = await page
    return Response(page, media_type=METRICS_TYPE)
