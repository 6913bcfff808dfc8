"""Questions: what the gate asks people, and their answers."""

from typing import Annotated

from fastapi import APIRouter, Query

from folkmoot.core.signals import Vote
from folkmoot.gateways.http.bodies import QuestionBody, QuestionsBody, ToldBody
from folkmoot.gateways.http.given import VoteBody
from folkmoot.gateways.http.shared import DeskHere, IdempotencyKey
from folkmoot.gateways.http.signals import tell

router = APIRouter(tags=["questions"])


@router.get("/questions")
async def list_questions(
    desk: DeskHere, run: Annotated[str, Query(description="Only of this run.")] = ""
) -> QuestionsBody:
    """List the approvals that runs wait for."""
    found = await desk.questions(run)
    return QuestionsBody(questions=[QuestionBody.of(question) for question in found])


@router.post("/runs/{run}/approvals/{approval}", status_code=202)
async def vote(
    run: str, approval: str, body: VoteBody, desk: DeskHere, idempotency_key: IdempotencyKey = ""
) -> ToldBody:
    """Approve or deny a call that the gate asked about."""
    signal = Vote(approval, body.approve, body.by, body.note)
    return await tell(desk, run, signal, idempotency_key)
