"""`folkmoot upgrade check`: which open runs would a new definition change?"""

from pathlib import Path
from typing import Annotated, Any

import typer

from folkmoot.cli import lazy, session
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.cli.output import Output
from folkmoot.cli.text import many
from folkmoot.flow.upgrade import Difference, Foreseen

upgrade = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Tell which open runs a new definition would change.",
)


@upgrade.callback()
def _upgrade() -> None:
    """Keep `check` a command of its own: with one command alone its name would be left out."""


class Given(Options, frozen=True, kw_only=True):
    """The new definitions."""

    path: Annotated[
        Path, typer.Argument(metavar="FILE_OR_DIR", help="An agent file, or a folder of them.")
    ]


def check(given: Given) -> Exit:
    """Tell which open runs would go on differently under the definitions of a file or a folder."""
    return session.go(_check(given))


lazy.add(upgrade, check)


async def _check(given: Given) -> Exit:
    out = Output(json=given.json)
    system = session.system(session.settings(given))
    agents = session.read_all(system, given.path)
    async with system.opened():
        found = [one async for one in system.foresee(agents)]
    differ = [one for one in found if one.next or one.fault]
    out.document({"agents": [agent.name for agent in agents], "runs": [_shape(o) for o in found]})
    for one in found:
        _report(out, one)
    out.say(
        f"{many(len(agents), 'agent')} read; {many(len(found), 'open run')} with another definition, "
        f"{len(differ)} would go on differently. Nothing was changed."
    )
    return Exit.FAILED if differ else Exit.OK


def _shape(one: Foreseen) -> dict[str, Any]:
    return {
        "run": one.run.id,
        "agent": one.run.agent,
        "state": one.run.state,
        "waits_for": one.run.waits_for,
        "definition": one.run.definition,
        "differs": bool(one.next or one.fault),
        "next": [_difference(each) for each in one.next],
        "later": [_difference(each) for each in one.later],
        "fault": one.fault,
    }


def _difference(one: Difference) -> dict[str, str]:
    return {"what": one.what, "was": one.was, "now": one.now}


def _report(out: Output, one: Foreseen) -> None:
    waits = f" for {one.run.waits_for}" if one.run.waits_for else ""
    head = f"{one.run.id}  {one.run.agent}  {one.run.state}{waits}"
    if one.fault:
        out.say(f"{head}  cannot be foreseen: {one.fault}", "red")
        return
    out.say(
        f"{head}  {'would differ' if one.next else 'same next step'}",
        "yellow" if one.next else "green",
    )
    for each in one.next:
        out.say(f"    next   {each.what}: {each.was or 'nothing'} → {each.now or 'nothing'}")
    if one.later:
        out.say(f"    later  {', '.join(each.what for each in one.later)}", "dim")
