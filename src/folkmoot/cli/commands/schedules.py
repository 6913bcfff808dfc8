"""`folkmoot schedules`: when agents are asked what; how it went; setting it."""

from typing import Annotated

import typer

from folkmoot.cli import lazy, session, shapes
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Input, Json, Key, Options, alone
from folkmoot.cli.output import Output
from folkmoot.cli.scheduled import Given as GivenSchedule
from folkmoot.cli.scheduled import asked, facts, row
from folkmoot.core.schedule import Kept

schedules = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    rich_markup_mode=None,
    help="List schedules; add, change, pause, trigger one.",
)
_COLUMNS = ("schedule", "agent", "when", "next", "last", "fired", "skipped", "missed", "state")
_PAGE = 1000

Name = Annotated[str, typer.Argument(metavar="NAME", help="The schedule's name.")]


class Given(Options, frozen=True, kw_only=True):
    """The system whose schedules are listed."""


class GivenName(Options, frozen=True, kw_only=True):
    """Which schedule."""

    name: Name


class GivenNew(GivenSchedule, frozen=True, kw_only=True):
    """A schedule."""

    name: Name
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="The agent that is asked.")]
    input: Input = None
    replace: Annotated[
        bool, typer.Option("--replace", help="Declare it anew when it is there; its counts stay.")
    ] = False


class GivenTrigger(GivenName, frozen=True, kw_only=True):
    """Which schedule, and under which key."""

    key: Key = ""


@schedules.callback()
def _schedules(context: typer.Context, *, json: Json = False) -> Exit | None:
    """List the schedules when no other word follows."""
    return list_(Given(json=json)) if alone(context, json=json) else None


def list_(given: Given) -> Exit:
    """List the schedules, with what comes next and how it went."""
    return session.go(_list(given))


def show(given: GivenName) -> Exit:
    """Show a schedule: what it says, what comes next, how it went."""
    return session.go(_show(given))


def add(given: GivenNew) -> Exit:
    """Set a schedule: an agent, what it is asked, and when."""
    return session.go(_add(given))


def remove(given: GivenName) -> Exit:
    """Forget a schedule; its runs stay."""
    return session.go(_remove(given))


def pause(given: GivenName) -> Exit:
    """Make no runs until it is resumed."""
    return session.go(_toggle(given, paused=True))


def resume(given: GivenName) -> Exit:
    """Go on from now; what was not done in the pause is not made up for."""
    return session.go(_toggle(given, paused=False))


def trigger(given: GivenTrigger) -> Exit:
    """Make a run now, whatever times, overlap and pause say; print its run."""
    return session.go(_trigger(given))


lazy.add(schedules, list_, name="list")
for _act in (show, add, remove, pause, resume, trigger):
    lazy.add(schedules, _act)


async def _list(given: Given) -> Exit:
    out = Output(json=given.json)
    found: list[Kept] = []
    async with session.desk(given) as desk:
        while page := await desk.timetable.all(found[-1].schedule.name if found else "", _PAGE):
            found += page
    out.document({"schedules": [shapes.schedule(kept) for kept in found]})
    if found:
        out.table(_COLUMNS, [row(kept) for kept in found])
    else:
        out.note("No schedules here. Set one: `folkmoot schedules add`, or in an agent file.")
    return Exit.OK


async def _show(given: GivenName) -> Exit:
    async with session.desk(given) as desk:
        _told(Output(json=given.json), await desk.timetable.get(given.name))
    return Exit.OK


async def _add(given: GivenNew) -> Exit:
    schedule = asked(given.name, given.agent, session.task_text(given.input), given)
    async with session.desk(given) as desk:
        set_ = desk.timetable.put if given.replace else desk.timetable.add
        _told(Output(json=given.json), await set_(schedule))
    return Exit.OK


async def _remove(given: GivenName) -> Exit:
    out = Output(json=given.json)
    async with session.desk(given) as desk:
        await desk.timetable.drop(given.name)
    out.document({"schedule": given.name, "removed": True})
    out.say(f"{given.name} is removed; its runs stay.")
    return Exit.OK


async def _toggle(given: GivenName, *, paused: bool) -> Exit:
    async with session.desk(given) as desk:
        timetable = desk.timetable
        kept = await (timetable.pause if paused else timetable.resume)(given.name)
    _told(Output(json=given.json), kept)
    return Exit.OK


async def _trigger(given: GivenTrigger) -> Exit:
    out = Output(json=given.json)
    async with session.desk(given) as desk:
        submitted = await desk.timetable.trigger(given.name, given.key)
    out.document({"run": submitted.run.id, "new": submitted.new, "state": submitted.run.state})
    out.say(submitted.run.id)
    if not submitted.new:
        out.note("This key was used before: it is the same run, and nothing new was started.")
    return Exit.OK


def _told(out: Output, kept: Kept) -> None:
    out.document({"schedule": shapes.schedule(kept)})
    for name, value in facts(kept).items():
        if value:
            out.say(f"{name + ':':<10}{value}")
