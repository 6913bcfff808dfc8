"""`folkmoot run`: the whole system in this process, for one task, with every step shown."""

from pathlib import Path
from typing import Annotated

import typer

from folkmoot.cli import session
from folkmoot.cli.exits import Exit
from folkmoot.cli.live import ending
from folkmoot.cli.options import AgentName, By, Input, Key, Options, me
from folkmoot.cli.output import Output
from folkmoot.cli.person import Person
from folkmoot.cli.stop import Stop
from folkmoot.cli.watch import follow
from folkmoot.core.task import Task


class Given(Options, frozen=True, kw_only=True):
    """Which agent, what task, where."""

    agent: AgentName
    input: Input = None
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", metavar="DIR", help="The folder that the agent works in."),
    ] = None
    model: Annotated[
        str | None, typer.Option("--model", metavar="PROVIDER:NAME", help="Use this model instead.")
    ] = None
    key: Key = ""
    by: By = ""
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the result.")] = False


def run(given: Given) -> Exit:
    """Run an agent here and now, and show every step."""
    return session.go(_run(given))


async def _run(given: Given) -> Exit:
    out = Output(json=given.json, quiet=given.quiet)
    system = session.here(given)
    changes = session.changes(given.model, given.workspace)
    name = await session.choose(system, given.agent, changes)
    text = session.task_text(given.input)
    # A person waits for it: neither spacing nor the breaker holds it back.
    task = Task(agent=name, input=text, source="cli", key=given.key, force=True)
    with Stop() as stop:
        async with system.running() as desk:
            started = (await desk.submit(task)).run.id
            out.document({"type": "submitted", "run": started})
            out.note(f"{started} {name}")
            person = Person(desk, out, me(given.by))
            ended = await stop.during(follow(desk, started, out, person))
            if ended is not None:
                return ending(out, ended)
            grace_s = system.settings.grace_s
            out.warn(f"\nStopping: the step under way gets {grace_s:g} s; again to stop at once.")
            await stop.drain(system, grace_s)
        _kept(out, started)
        return Exit.INTERRUPTED


def _kept(out: Output, run: str) -> None:
    out.document({"type": "stopped", "run": run})
    out.warn(f"Stopped. {run} is kept with every step so far.")
    out.warn(f"Go on:  folkmoot up   (then: folkmoot tail {run})")
    out.warn(f"End it: folkmoot cancel {run}")
