"""`folkmoot agents`: the agents that are declared here; checking their files; their schema."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from folkmoot.cli import lazy, session
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Json, Options, alone
from folkmoot.cli.output import Output
from folkmoot.cli.text import many, when
from folkmoot.core.agent import Agent
from folkmoot.core.errors import FolkmootError
from folkmoot.ports.desk import HeldBack

agents = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    rich_markup_mode=None,
    help="List agents, check agent files, print their schema.",
)
_COLUMNS = ("agent", "model", "program", "tools", "description")
_MISTAKES = "mistakes"


class Given(Options, frozen=True, kw_only=True):
    """The system whose agents are listed."""


class GivenFiles(Options, frozen=True, kw_only=True):
    """Which files."""

    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Agent files; else all there are."),
    ] = None


class GivenNothing(msgspec.Struct, frozen=True, kw_only=True):
    """The schema is the same everywhere; `--json` is taken because it is taken everywhere."""

    json: Annotated[bool, typer.Option("--json", help="It is JSON in any case.")] = False


class GivenAgent(Options, frozen=True, kw_only=True):
    """Which agent."""

    agent: Annotated[str, typer.Argument(metavar="AGENT", help="An agent's name.")]


@agents.callback()
def _agents(context: typer.Context, *, json: Json = False) -> Exit | None:
    """List the agents when no other word follows."""
    return list_(Given(json=json)) if alone(context, json=json) else None


def list_(given: Given) -> Exit:
    """List the agents that are declared here."""
    return session.go(_list(given))


def check(given: GivenFiles) -> Exit:
    """Check agent files; every mistake is named with file, line, field and what was expected."""
    return session.go(_checks(given))


async def _checks(given: GivenFiles) -> Exit:
    out = Output(json=given.json)
    system = session.system(session.settings(given))
    if given.files:
        found = [_check(system, path) for path in given.files]
    else:
        found = [_checked(*one) for one in await session.checked(system)]
    out.document({"files": found})
    for file in found:
        _report(out, file)
    bad = sum(not file["ok"] for file in found)
    out.say(f"{many(len(found), 'file')} checked, {bad} with mistakes.")
    return Exit.FAILED if bad else Exit.OK


def schema(_: GivenNothing) -> Exit:
    """Print the JSON Schema of an agent file."""
    Output(json=True).document(session.schema())
    return Exit.OK


def clear(given: GivenAgent) -> Exit:
    """Forget an agent's failures: its breaker is closed."""
    return session.go(_clear(given))


lazy.add(agents, list_, name="list")
lazy.add(agents, check)
lazy.add(agents, schema)
lazy.add(agents, clear)


async def _list(given: Given) -> Exit:
    out = Output(json=given.json)
    async with session.desk(given) as desk:
        found, held = desk.agents(), await desk.held_back()
    out.document({"agents": [_shape(agent) for agent in found], "held_back": held})
    if found:
        out.table(_COLUMNS, [_row(agent) for agent in found])
        for one in held:
            _remark(out, one)
    else:
        out.note("No agents here yet. Make a first one: `folkmoot init`.")
    return Exit.OK


def _remark(out: Output, held: HeldBack) -> None:
    if held.trips:
        until = when(held.until)
        out.note(
            f"{held.agent} failed too often and is left alone until {until}. "
            f"Clear that: `folkmoot agents clear {held.agent}`."
        )


async def _clear(given: GivenAgent) -> Exit:
    out = Output(json=given.json)
    async with session.desk(given) as desk:
        cleared = await desk.clear(given.agent)
    out.document({"agent": given.agent, "cleared": cleared})
    out.say("Cleared." if cleared else "There was nothing to clear.", "green")
    return Exit.OK


def _shape(agent: Agent) -> dict[str, Any]:
    declared: dict[str, Any] = msgspec.to_builtins(agent)
    return {"digest": agent.digest()} | declared


def _row(agent: Agent) -> tuple[str, ...]:
    tools = ", ".join(tool.name for tool in agent.tools)
    return (agent.name, str(agent.model), agent.program, tools, agent.description)


def _check(system: session.System, path: Path) -> dict[str, Any]:
    try:
        agent = session.read(system, path)
    except FolkmootError as error:
        return _checked(str(path), "", error)
    return _checked(str(path), agent.name, None)


def _checked(file: str, agent: str, error: FolkmootError | None) -> dict[str, Any]:
    if error is None:
        return {"file": file, "ok": True, "agent": agent, _MISTAKES: []}
    mistakes = error.details.get(_MISTAKES, [])
    return {"file": file, "ok": False, "error": error.message, _MISTAKES: mistakes}


def _report(out: Output, file: dict[str, Any]) -> None:
    if file["ok"]:
        out.say(f"ok   {file['file']}  ({file['agent']})", "green")
    else:
        out.say(f"BAD  {file['error'].rstrip()}", "red")
