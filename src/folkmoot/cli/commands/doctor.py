"""`folkmoot doctor`: are this machine, this folder and the deployment around them fit to run agents?"""

from typing import Annotated

import typer

from folkmoot.cli import machine, session
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.cli.output import Output
from folkmoot.core.errors import FolkmootError
from folkmoot.ports.desk import Part


class Given(Options, frozen=True, kw_only=True):
    """The system that is looked at."""

    deep: Annotated[
        bool,
        typer.Option("--deep", help="Submit a run that costs nothing: some worker must drive it."),
    ] = False


def doctor(given: Given) -> Exit:
    """Check this machine, this folder and the deployment around them."""
    return session.go(_doctor(given))


async def _doctor(given: Given) -> Exit:
    out = Output(json=given.json)
    with out.progress("Looking"):
        parts = await _parts(given)
    bad = [part for part in parts if not part.ok and part.critical]
    out.document({"ok": not bad, "parts": [_shape(part) for part in parts]})
    out.table(("", "part", "what was found"), [_row(part) for part in parts])
    for part in parts:
        if not part.ok and part.todo:
            out.say(f"{part.name}: {part.todo}")
    out.say("Fit to run." if not bad else f"Not fit: {', '.join(part.name for part in bad)}.")
    return Exit.FAILED if bad else Exit.OK


async def _parts(given: Given) -> list[Part]:
    """Look at everything, even when one part is so broken that it cannot be looked at."""
    try:
        settings = session.settings(given)
    except FolkmootError as error:
        return [_failed("settings", error)]
    parts = [machine.flush(settings.store), machine.port(settings.host, settings.port)]
    try:
        parts += await session.system(settings).doctor(deep=given.deep)
    except FolkmootError as error:
        parts.append(_failed("system", error))
    return parts


def _failed(name: str, error: FolkmootError) -> Part:
    return Part(name=name, ok=False, detail=error.message, todo=error.todo)


def _shape(part: Part) -> dict[str, object]:
    return {
        "name": part.name,
        "ok": part.ok,
        "detail": part.detail,
        "critical": part.critical,
        "todo": "" if part.ok else part.todo,
    }


def _row(part: Part) -> tuple[str, str, str]:
    mark = "ok" if part.ok else ("BAD" if part.critical else "note")
    return (mark, part.name, part.detail)
