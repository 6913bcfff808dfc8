"""Answers: what became of the messages of a conversation."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from folkmoot.core.run import Run
from folkmoot.gateways.http.bodies import Out, RunBody
from folkmoot.gateways.http.shared import Shared, SharedHere
from folkmoot.ports.desk import Answer

LONGEST_WAIT = 60

router = APIRouter(tags=["runs"])


class AnswerBody(Out):
    """What became of a message."""

    run: str
    message: str
    answered: bool = Field(description="Whether there is an answer, or an error, by now.")
    output: str = Field(description="The answer.")
    data: Any = Field(description="Its value, when the agent has an output schema.")
    error: str = Field(description="A code and a sentence, when there is no answer.")

    @classmethod
    def of(cls, run: str, message: str, answer: Answer | None) -> "AnswerBody":
        """Return an answer, or that there is none yet, as a body."""
        given = answer or Answer(run=run, message=message)
        return cls(
            run=run,
            message=message,
            answered=answer is not None,
            output=given.output,
            data=given.data,
            error=given.error,
        )


class SubmittedBody(RunBody):
    """A run, as a task made it or spoke to it."""

    message: str = Field(description="The id of the message, in a conversation; else empty.")
    answer: AnswerBody | None = Field(description="What became of the message, once it is known.")

    @classmethod
    def after(cls, run: Run, message: str, answer: Answer | None) -> "SubmittedBody":
        """Return a run as a body."""
        body = AnswerBody.of(run.id, message, answer) if answer is not None else None
        return cls(**dict(RunBody.of(run)), message=message, answer=body)


@router.get(
    "/runs/{run}/answers/{message:path}",
    responses={202: {"model": AnswerBody, "description": "There is no answer yet."}},
)
async def show_answer(
    run: str,
    message: str,
    shared: SharedHere,
    response: Response,
    wait: Annotated[
        float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for the answer.")
    ] = 0,
) -> AnswerBody:
    """Return the answer to a message of a conversation."""
    answer = await answered(shared, run, message, wait)
    if answer is None:
        response.status_code = 202
    return AnswerBody.of(run, message, answer)


async def answered(shared: Shared, run: str, message: str, seconds: float) -> Answer | None:
    """Wait until a message has its answer, the time is over, or the server closes."""
    asking = asyncio.create_task(shared.desk.answer(run, message, seconds))
    closing = asyncio.create_task(shared.closing.wait())
    try:
        await asyncio.wait([asking, closing], return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else None
    finally:
        for task in (asking, closing):
            task.cancel()
        await asyncio.gather(asking, closing, return_exceptions=True)
