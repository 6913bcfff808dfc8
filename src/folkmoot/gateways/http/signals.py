"""Signals: say something to a run that goes on, steer it, end it, try it again."""

from fastapi import APIRouter

from folkmoot.core import signals
from folkmoot.core.signals import AnySignal
from folkmoot.gateways.http.bodies import ToldBody
from folkmoot.gateways.http.given import ByBody, CancelBody, SayBody
from folkmoot.gateways.http.shared import DeskHere, IdempotencyKey
from folkmoot.ports.desk import Desk

router = APIRouter(tags=["signals"])


async def tell(desk: Desk, run: str, signal: AnySignal, key: str) -> ToldBody:
    """Give a signal to a run."""
    new = await desk.tell(run, signal, key)
    return ToldBody(run=run, kind=signals.kind(signal), new=new)


@router.post("/runs/{run}/say", status_code=202)
async def say(
    run: str, body: SayBody, desk: DeskHere, idempotency_key: IdempotencyKey = ""
) -> ToldBody:
    """Add a message to the conversation."""
    return await tell(desk, run, signals.Say(body.text, body.by), idempotency_key)


@router.post("/runs/{run}/cancel", status_code=202)
async def cancel(
    run: str, desk: DeskHere, body: CancelBody | None = None, idempotency_key: IdempotencyKey = ""
) -> ToldBody:
    """End the run now."""
    given = body or CancelBody()
    return await tell(desk, run, signals.Cancel(given.by, given.reason), idempotency_key)


@router.post("/runs/{run}/pause", status_code=202)
async def pause(
    run: str, desk: DeskHere, body: ByBody | None = None, idempotency_key: IdempotencyKey = ""
) -> ToldBody:
    """Stop at the next step and wait."""
    return await tell(desk, run, signals.Pause((body or ByBody()).by), idempotency_key)


@router.post("/runs/{run}/resume", status_code=202)
async def resume(
    run: str, desk: DeskHere, body: ByBody | None = None, idempotency_key: IdempotencyKey = ""
) -> ToldBody:
    """Go on after a pause."""
    return await tell(desk, run, signals.Resume((body or ByBody()).by), idempotency_key)


@router.post("/runs/{run}/retry", status_code=202)
async def retry(
    run: str, desk: DeskHere, body: ByBody | None = None, idempotency_key: IdempotencyKey = ""
) -> ToldBody:
    """Try a run that ended without success again, with fresh context."""
    return await tell(desk, run, signals.Retry((body or ByBody()).by), idempotency_key)
