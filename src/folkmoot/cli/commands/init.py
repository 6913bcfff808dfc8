"""`folkmoot init`: a first agent file. Nothing that is there is ever overwritten."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import msgspec
import typer

from folkmoot.cli.exits import Exit
from folkmoot.cli.output import Output
from folkmoot.core.errors import Invalid

_HELLO = """\
# An agent is one file. This one needs no key: its model answers from a short list of keywords.
# All fields: folkmoot agents schema      Is this file right: folkmoot agents check agents/hello.yaml
name: hello
description: Greets, and answers from a short list of keywords.
instructions: Greet the person, and answer in one sentence.
model: keywords:hello
"""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Where."""

    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder to begin in; made when missing.")
    ] = Path()
    json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")] = (
        False
    )


def init(given: Given) -> Exit:
    """Write a first agent file, and say what to do next."""
    out = Output(json=given.json)
    place = given.directory
    try:
        wrote = [path for path in (_agent(place), _ignore(place)) if path is not None]
    except OSError as fault:
        raise Invalid(
            f"{fault.filename} cannot be written: {fault.strerror}.",
            kept="Every file that was there, as it was.",
            todo="Begin in a folder that you may write to: `folkmoot init DIR`.",
        ) from None
    out.document({"directory": str(place), "wrote": [str(path) for path in wrote]})
    for path in wrote:
        out.say(f"wrote {path}", "green")
    if not wrote:
        out.say("Everything was there already; nothing was changed.")
    _next(out, place)
    return Exit.OK


def _agent(place: Path) -> Path | None:
    path = place / "agents" / "hello.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:  # "x": never over a file that is there
            file.write(_HELLO)
    except FileExistsError:
        return None
    return path


def _ignore(place: Path) -> Path | None:
    """Add the store's folder to .gitignore: journals hold what agents read."""
    path = place / ".gitignore"
    lines = path.read_text("utf-8", errors="replace").splitlines() if path.exists() else []
    if any(line.strip().strip("/") == ".folkmoot" for line in lines):
        return None
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if _open_end(path) else "") + ".folkmoot/\n")
    return path


def _open_end(path: Path) -> bool:
    """Whether the file's last line has no line end."""
    data = path.read_bytes()
    return bool(data) and not data.endswith(b"\n")


def _next(out: Output, place: Path) -> None:
    if place.resolve() != Path.cwd():
        out.say(f"next:  cd {quote(str(place))}")
    out.say("next:  folkmoot run hello 'Hello!'        one task, every step shown")
    out.say("       folkmoot up                         the system, with its HTTP API")
    out.say("       folkmoot agents schema              every field of an agent file")
