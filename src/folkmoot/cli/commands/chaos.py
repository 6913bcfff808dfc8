"""`folkmoot chaos`: kill an agent's worker at every journal boundary, and compare what comes out.

`in_doubt` is no failure: a call of class `once` whose end nobody saw is shown and not repeated, which
is what was promised. Lost runs, repeated calls and doubled effects are failures.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from folkmoot.cli import session
from folkmoot.cli.exits import Exit
from folkmoot.cli.output import Output

_COUNTS = {
    "boundaries": "places in the journal at which a worker can die",
    "kills": "workers that were killed (SIGKILL, real processes)",
    "lost": "runs that did not end as the undisturbed run did",
    "repeated": "completed model or tool calls that were made again",
    "doubled": "effects of class `once` that happened twice",
    "in_doubt": "calls of class `once` that were reported as in doubt",
}
_FAULTS = ("lost", "repeated", "doubled")


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Which agent."""

    file: Annotated[Path, typer.Argument(metavar="FILE", help="The agent file.")]
    input: Annotated[
        str | None, typer.Option("--input", metavar="TEXT", help="The task; else a short default.")
    ] = None
    plugin: Annotated[
        list[Path] | None,
        typer.Option("--plugin", metavar="FILE", help="Python file to load; may be repeated."),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")] = (
        False
    )


def chaos(given: Given) -> Exit:
    """Kill an agent's worker at every journal boundary, and compare."""
    out = Output(json=given.json)
    with out.counted("Killing workers") as advance:
        found = session.chaos(
            given.file, task=given.input, plugins=tuple(given.plugin or ()), progress=advance
        )
    counts = {name: int(found[name]) for name in _COUNTS}
    out.document(counts)
    out.table(("count", "", "what"), [_row(name, count) for name, count in counts.items()])
    return _verdict(out, counts)


def _row(name: str, count: int) -> tuple[str, str, str]:
    return (name, str(count), _COUNTS[name])


def _verdict(out: Output, counts: dict[str, Any]) -> Exit:
    if any(counts[name] for name in _FAULTS):
        out.say("Not crash-proof: see above.", "red")
        return Exit.FAILED
    out.say("Nothing was lost, nothing was done twice.", "green")
    return Exit.OK
