"""`folkmoot submit`: hand a task to the system."""

from typing import Annotated

import typer

from folkmoot.cli import session
from folkmoot.cli.exits import Exit
from folkmoot.cli.live import answer, ending
from folkmoot.cli.options import AgentName, Conversation, Input, Key, Options
from folkmoot.cli.output import Output
from folkmoot.core.run import Run, RunState
from folkmoot.core.schedule import LONGEST_S
from folkmoot.core.task import Task
from folkmoot.ports.desk import Answer, Desk
from folkmoot.ports.intake import Submitted

_LONG_S = 3600.0


class Given(Options, frozen=True, kw_only=True):
    """The task."""

    agent: AgentName
    input: Input = None
    key: Key = ""
    priority: Annotated[
        str, typer.Option("--priority", metavar="WORD", help="critical, high, normal or low.")
    ] = "normal"
    delay: Annotated[
        float,
        typer.Option(
            "--delay", min=0, max=LONGEST_S, metavar="SECONDS", help="Begin that much later."
        ),
    ] = 0.0
    deadline: Annotated[
        float,
        typer.Option(
            "--deadline",
            min=0,
            max=LONGEST_S,
            metavar="SECONDS",
            help="Give the run up after that.",
        ),
    ] = 0.0
    kind: Annotated[
        str,
        typer.Option("--kind", metavar="WORD", help="What sort of work; `discovery` is spaced."),
    ] = ""
    tenant: Annotated[
        str, typer.Option("--tenant", metavar="NAME", help="Whom it is for; tenants share fairly.")
    ] = ""
    force: Annotated[
        bool, typer.Option("--force", help="Neither spacing nor the agent's breaker holds it back.")
    ] = False
    conversation: Conversation = ""
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the end, or the answer, and show it.")
    ] = False


def submit(given: Given) -> Exit:
    """Hand a task to the system; print its run."""
    return session.go(_submit(given))


async def _submit(given: Given) -> Exit:
    out = Output(json=given.json)
    system = session.system(session.settings(given))
    name = await session.choose(system, given.agent, {})
    text = session.task_text(given.input)
    async with system.opened() as desk:
        submitted = await desk.submit(_task(given, name, text, system.clock.now()))
        known = {"run": submitted.run.id, "new": submitted.new, "state": submitted.run.state}
        out.document(known | ({"message": submitted.message} if submitted.message else {}))
        out.say(f"{submitted.run.id} {submitted.message}".strip())
        await _remark(out, desk, submitted)
        if not given.wait:
            return Exit.OK
        if submitted.message:
            return answer(out, await _answer(out, desk, submitted.run.id, submitted.message))
        return ending(out, await _wait(out, desk, submitted.run.id))


async def _answer(out: Output, desk: Desk, run: str, message: str) -> Answer:
    """Wait for an answer, however long it takes."""
    with out.progress(f"{run} goes on"):
        while True:
            found = await desk.answer(run, message, _LONG_S)
            if found is not None:
                return found


def _task(given: Given, agent: str, text: str, now: int) -> Task:
    """Return the task; times are counted from now."""
    return Task(
        agent=agent,
        input=text,
        source="cli",
        key=given.key,
        priority=given.priority,
        deadline=now + round(given.deadline * 1000) if given.deadline else None,
        not_before=now + round(given.delay * 1000) if given.delay else 0,
        kind=given.kind,
        labels={"tenant": given.tenant} if given.tenant else {},
        force=given.force,
        conversation=given.conversation,
    )


async def _remark(out: Output, desk: Desk, submitted: Submitted) -> None:
    if not submitted.new:
        what = "message" if submitted.message else "run"
        out.note(f"This key was used before: it is the same {what}, and nothing new was started.")
    elif submitted.run.state is RunState.QUEUED and not (await desk.counts()).workers:
        out.note("No worker runs now; the task waits. Start one: `folkmoot up`.")


async def _wait(out: Output, desk: Desk, run: str) -> Run:
    """Wait for the end. The steps are not shown (`folkmoot tail` shows them), the end is."""
    with out.progress(f"{run} goes on"):
        async for _ in desk.follow(run):
            pass
    return await desk.run(run)
