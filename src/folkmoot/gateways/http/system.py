"""The system as a whole: how it stands, and whether its ledger holds."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request

from folkmoot.gateways.http.bodies import StatusBody, VerifiedBody
from folkmoot.gateways.http.shared import DeskHere

router = APIRouter(tags=["system"])


@router.get("/status")
async def show_status(request: Request, desk: DeskHere) -> StatusBody:
    """Count runs by state, workers, what waits to be sent."""
    return StatusBody.of(await desk.counts(), request.app.version)


@router.get("/ledger/verify")
async def verify_ledger(
    desk: DeskHere, run: Annotated[str, Query(description="Only this run's journal.")] = ""
) -> VerifiedBody:
    """Recompute the chains of hashes, and name what was touched."""
    return VerifiedBody.of(await desk.verify(run))
