"""Schedules: when agents are asked what."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from folkmoot.gateways.http.bodies import RunBody
from folkmoot.gateways.http.schedule_bodies import KeptBody, ScheduleBody, SchedulesBody, TimesBody
from folkmoot.gateways.http.shared import DeskHere, IdempotencyKey

router = APIRouter(tags=["schedules"])


@router.get("/schedules")
async def list_schedules(
    desk: DeskHere,
    after: Annotated[str, Query(description="Where the page before ended (its `next`).")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> SchedulesBody:
    """List the schedules, by name."""
    found = await desk.timetable.all(after, limit + 1)
    page = found[:limit]
    following = page[-1].schedule.name if len(found) > limit else None
    return SchedulesBody(schedules=[KeptBody.of(kept) for kept in page], next=following)


@router.post("/schedules", status_code=201)
async def add_schedule(body: ScheduleBody, desk: DeskHere, response: Response) -> KeptBody:
    """Make a schedule; 409 SCHEDULE_CONFLICT when the name is taken."""
    kept = await desk.timetable.add(body.schedule(body.name))
    response.headers["Location"] = f"/v1/schedules/{body.name}"
    return KeptBody.of(kept)


@router.get("/schedules/{name}")
async def show_schedule(name: str, desk: DeskHere) -> KeptBody:
    """Return a schedule."""
    return KeptBody.of(await desk.timetable.get(name))


@router.put("/schedules/{name}")
async def put_schedule(name: str, body: TimesBody, desk: DeskHere) -> KeptBody:
    """Make a schedule, or declare it anew: what happened stays counted. The same again is the same."""
    return KeptBody.of(await desk.timetable.put(body.schedule(name)))


@router.delete("/schedules/{name}", status_code=204)
async def drop_schedule(name: str, desk: DeskHere) -> None:
    """Forget a schedule. Its runs stay, and those that go on go on."""
    await desk.timetable.drop(name)


@router.post("/schedules/{name}/pause")
async def pause_schedule(name: str, desk: DeskHere) -> KeptBody:
    """Make no runs until it is resumed."""
    return KeptBody.of(await desk.timetable.pause(name))


@router.post("/schedules/{name}/resume")
async def resume_schedule(name: str, desk: DeskHere) -> KeptBody:
    """Go on from now: what was not done in the pause is not made up for."""
    return KeptBody.of(await desk.timetable.resume(name))


@router.post(
    "/schedules/{name}/trigger",
    status_code=202,
    responses={200: {"model": RunBody, "description": "This key's run, made earlier."}},
)
async def trigger_schedule(
    name: str, desk: DeskHere, response: Response, idempotency_key: IdempotencyKey = ""
) -> RunBody:
    """Make a run now, whatever the schedule's times, its overlap and its pause say."""
    submitted = await desk.timetable.trigger(name, idempotency_key)
    response.headers["Location"] = f"/v1/runs/{submitted.run.id}"
    if not submitted.new:
        response.status_code = 200
        response.headers["Idempotent-Replayed"] = "true"
    return RunBody.of(submitted.run)
