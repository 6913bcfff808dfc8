"""Events: publish one; look after those that could not be dealt with."""

from typing import Annotated

from fastapi import APIRouter, Query

from folkmoot.gateways.http.event_bodies import EmittedBody, EventBody, LetterBody, LettersBody
from folkmoot.gateways.http.shared import DeskHere, IdempotencyKey

router = APIRouter(tags=["events"])


@router.post("/events", status_code=202)
async def emit_event(
    body: EventBody, desk: DeskHere, idempotency_key: IdempotencyKey = ""
) -> EmittedBody:
    """Publish an event. It is durable when this is answered; the same id again is the same event."""
    envelope = body.envelope(idempotency_key)
    await desk.events.emit(envelope)
    return EmittedBody(event_id=envelope.event_id)


@router.get("/dead")
async def list_dead(
    desk: DeskHere,
    after: Annotated[str, Query(description="Where the page before ended (its `next`).")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> LettersBody:
    """List dead letters: events that could not be dealt with."""
    found = await desk.events.dead(after, limit + 1)
    page = found[:limit]
    following = page[-1].key if len(found) > limit else None
    return LettersBody(dead=[LetterBody.of(letter) for letter in page], next=following)


@router.get("/dead/{subscription}/{event_id}")
async def show_dead(subscription: str, event_id: str, desk: DeskHere) -> LetterBody:
    """Return a dead letter."""
    return LetterBody.of(await desk.events.letter(f"{subscription}/{event_id}"))


@router.post("/dead/{subscription}/{event_id}/retry", status_code=202)
async def retry_dead(subscription: str, event_id: str, desk: DeskHere) -> EmittedBody:
    """Have a dead letter tried again, from the beginning."""
    await desk.events.retry(f"{subscription}/{event_id}")
    return EmittedBody(event_id=event_id)


@router.delete("/dead/{subscription}/{event_id}", status_code=204)
async def drop_dead(subscription: str, event_id: str, desk: DeskHere) -> None:
    """Forget a dead letter."""
    await desk.events.drop(f"{subscription}/{event_id}")
