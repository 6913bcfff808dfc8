"""Runs: submit a task, look at what became of it."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from folkmoot.core.run import RunState
from folkmoot.gateways.http.answers import LONGEST_WAIT, SubmittedBody, answered
from folkmoot.gateways.http.bodies import JournalBody, RunBody, RunsBody
from folkmoot.gateways.http.entries import entry_json
from folkmoot.gateways.http.given import LARGEST, TaskBody
from folkmoot.gateways.http.shared import DeskHere, IdempotencyKey, Shared, SharedHere
from folkmoot.ports import store

router = APIRouter(tags=["runs"])

Wait = Annotated[
    float,
    Query(
        ge=0,
        le=LONGEST_WAIT,
        description="Seconds to wait for the run's end, or the message's answer, before answering.",
    ),
]


@router.post(
    "/runs",
    status_code=202,
    responses={
        200: {"model": SubmittedBody, "description": "This key's run, made by an earlier request."},
        201: {
            "model": SubmittedBody,
            "description": "It ended, or was answered, while you waited.",
        },
    },
)
async def submit(
    body: TaskBody,
    shared: SharedHere,
    response: Response,
    idempotency_key: IdempotencyKey = "",
    wait: Wait = 0,
) -> SubmittedBody:
    """Make a run of a task. With an Idempotency-Key that was used before: that key's run.

    With `conversation` it is a message to that conversation's run.
    """
    submitted = await shared.desk.submit(body.task(idempotency_key))
    run, message, answer = submitted.run, submitted.message, None
    if message:
        answer = await answered(shared, run.id, message, wait)
    elif wait and not run.state.final:
        await _until_over(shared, run.id, wait)
    if wait:
        run = await shared.desk.run(run.id)
    response.headers["Location"] = f"/v1/runs/{run.id}"
    if not submitted.new:
        response.status_code = 200
        response.headers["Idempotent-Replayed"] = "true"
    elif answer is not None or (run.state.final and not message):
        response.status_code = 201
    return SubmittedBody.after(run, message, answer)


async def _until_over(shared: Shared, run: str, seconds: float) -> None:
    """Wait until a run ends, the time is over, or the server closes."""

    async def drain() -> None:
        async for _ in shared.desk.follow(run):
            pass

    ends = [asyncio.create_task(drain()), asyncio.create_task(shared.closing.wait())]
    try:
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


@router.get("/runs")
async def list_runs(
    desk: DeskHere,
    agent: Annotated[str, Query(description="Only runs of this agent.")] = "",
    state: Annotated[list[RunState] | None, Query(description="Only runs in these states.")] = None,
    before: Annotated[str, Query(description="Where the page before ended (its `next`).")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> RunsBody:
    """List runs, newest first."""
    states = tuple(state or ())
    # One more than asked tells whether there is a next page.
    query = store.Query(agent=agent, states=states, before=before, limit=limit + 1)
    found = await desk.runs(query)
    page = found[:limit]
    following = page[-1].id if len(found) > limit else None
    return RunsBody(runs=[RunBody.of(run) for run in page], next=following)


@router.get("/runs/{run}")
async def show_run(run: str, desk: DeskHere) -> RunBody:
    """Return a run."""
    return RunBody.of(await desk.run(run))


@router.get("/runs/{run}/journal", response_model=JournalBody)
async def show_journal(
    run: str,
    desk: DeskHere,
    after: Annotated[
        int, Query(ge=0, le=LARGEST, description="Only entries with a greater number.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> Response:
    """Return a run's journal: everything that happened, in order, chained by hash."""
    found = await desk.journal(run, after, limit + 1)
    page = found[:limit]
    following = str(page[-1].seq).encode() if len(found) > limit else b"null"
    entries = b",".join(entry_json(entry) for entry in page)
    body = b'{"entries":[%b],"next":%b}' % (entries, following)
    return Response(body, media_type="application/json")
