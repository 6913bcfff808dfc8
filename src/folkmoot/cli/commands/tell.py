"""`folkmoot say`, `pause`, `resume`, `cancel`, `retry`: say something to a run.

The store keeps what was said until the run's worker has written it into the journal, so it works
whether a worker runs now or not; without one the run hears it when one comes.
"""

from typing import Annotated

import typer

from folkmoot.cli import session
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import By, Key, Options, RunId, me
from folkmoot.cli.output import Output
from folkmoot.core import signals
from folkmoot.core.signals import AnySignal


class Given(Options, frozen=True, kw_only=True):
    """To which run, by whom."""

    run: RunId
    by: By = ""
    key: Key = ""


class GivenText(Options, frozen=True, kw_only=True):
    """A message to a run."""

    run: RunId
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The message; `-` reads stdin.")]
    by: By = ""
    key: Key = ""


class GivenReason(Given, frozen=True, kw_only=True):
    """Why a run is ended."""

    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept.")] = ""


def say(given: GivenText) -> Exit:
    """Add a message to a run."""
    message = signals.Say(session.task_text(given.text), me(given.by))
    return session.go(_tell(given, message, "It reads the message before its next step."))


def pause(given: Given) -> Exit:
    """Make a run wait at its next step."""
    return session.go(_tell(given, signals.Pause(me(given.by)), "It waits at its next step."))


def resume(given: Given) -> Exit:
    """Let a paused run go on."""
    return session.go(_tell(given, signals.Resume(me(given.by)), "It goes on."))


def cancel(given: GivenReason) -> Exit:
    """End a run."""
    return session.go(_tell(given, signals.Cancel(me(given.by), given.reason), "It ends."))


def retry(given: Given) -> Exit:
    """Try a run again that did not succeed, with fresh context."""
    return session.go(_tell(given, signals.Retry(me(given.by)), "A new attempt begins."))


async def _tell(given: Given | GivenText, signal: AnySignal, then: str) -> Exit:
    out = Output(json=given.json)
    async with session.desk(given) as desk:
        run = await session.run_id(desk, given.run)
        new = await desk.tell(run, signal, given.key)
        workers = (await desk.counts()).workers
    out.document({"run": run, "signal": signals.kind(signal), "new": new, "workers": workers})
    if not new:
        out.say(f"{run} has heard this before (same key).")
    else:
        out.say(f"{run} was told: {signals.kind(signal)}. {then if workers else ''}".strip())
        if not workers:
            out.note("No worker runs now; the run hears it when one does: `folkmoot up`.")
    return Exit.OK
