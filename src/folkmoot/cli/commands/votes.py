"""`folkmoot questions`, `approve`, `deny`: what waits for a person, and the answer."""

from typing import Annotated

import typer

from folkmoot.cli import lines, session, shapes
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import By, Options, RunId, me
from folkmoot.cli.output import Output
from folkmoot.cli.text import short, when
from folkmoot.core.errors import WrongState
from folkmoot.core.messages import ToolCall
from folkmoot.core.signals import Vote
from folkmoot.ports.desk import Desk, Question

_COLUMNS = ("run", "approval", "agent", "votes", "expires", "call", "why")


class Given(Options, frozen=True, kw_only=True):
    """Which question, and who answers."""

    run: RunId
    approval: Annotated[
        str,
        typer.Argument(metavar="[APPROVAL]", help="Which one; not needed when only one is open."),
    ] = ""
    by: By = ""
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; the run reads it.")] = ""


class GivenRun(Options, frozen=True, kw_only=True):
    """Of which run."""

    run: Annotated[str, typer.Argument(metavar="[RUN]", help="Only of this run.")] = ""


def approve(given: Given) -> Exit:
    """Say yes to a call that waits for a person."""
    return session.go(_vote(given, approve=True))


def deny(given: Given) -> Exit:
    """Say no to a call that waits for a person."""
    return session.go(_vote(given, approve=False))


def questions(given: GivenRun) -> Exit:
    """List the approvals that are waited for."""
    return session.go(_questions(given))


async def _questions(given: GivenRun) -> Exit:
    out = Output(json=given.json)
    async with session.desk(given) as desk:
        found = await desk.questions(await session.run_id(desk, given.run))
    out.document({"questions": [shapes.full(asked) for asked in found]})
    if found:
        out.table(_COLUMNS, [_row(asked) for asked in found])
    else:
        out.note("Nothing waits for a person.")
    return Exit.OK


def _row(asked: Question) -> tuple[str, ...]:
    call = lines.call(ToolCall("", asked.act, asked.args))
    expires = "never" if asked.expires_at is None else when(asked.expires_at)
    votes = f"{len(asked.yes)} of {asked.needs}"
    return (asked.run, asked.approval, asked.agent, votes, expires, short(call), asked.reason)


async def _vote(given: Given, *, approve: bool) -> Exit:
    out, by = Output(json=given.json), me(given.by)
    async with session.desk(given) as desk:
        run = await session.run_id(desk, given.run)
        approval = given.approval or await _only(desk, run)
        new = await desk.tell(run, Vote(approval, approve, by, given.note))
    word = "approved" if approve else "denied"
    out.document({"run": run, "approval": approval, "approve": approve, "by": by, "new": new})
    out.say(f"{approval} {word} by {by}." if new else f"{by} has answered {approval} before.")
    return Exit.OK


async def _only(desk: Desk, run: str) -> str:
    """Return the one approval that is open. More than one is nobody's to guess."""
    found = await desk.questions(run)
    if len(found) == 1:
        return found[0].approval
    state = (await desk.run(run)).state
    which = ", ".join(asked.approval for asked in found)
    raise WrongState(
        f"{run} has {len(found)} open questions: {which}."
        if found
        else f"{run} ({state}) asks nothing.",
        kept="Nothing was answered.",
        todo="Name the approval behind the run; `folkmoot questions` lists them.",
    )
