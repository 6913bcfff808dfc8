"""`folkmoot dead`: events that could not be dealt with: look, try again, forget."""

from typing import Annotated, Any

import msgspec
import typer

from folkmoot.cli import lazy, session, shapes
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.cli.output import Output
from folkmoot.cli.text import short, when
from folkmoot.core.errors import Invalid, LetterUnknown, WrongState
from folkmoot.core.letters import Letter
from folkmoot.ports.desk import Desk

dead = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look after events that could not be dealt with.",
)
_COLUMNS = ("letter", "type", "tries", "since", "error")
_PAGE = 500

Key = Annotated[str, typer.Argument(metavar="LETTER", help="Its name in the list: AGENT/EVENT-ID.")]


class Given(Options, frozen=True, kw_only=True):
    """The system whose dead letters are listed."""


class GivenLetter(Options, frozen=True, kw_only=True):
    """Which letter."""

    key: Key


class GivenLetters(Options, frozen=True, kw_only=True):
    """Which letter, or all."""

    key: Annotated[
        str, typer.Argument(metavar="[LETTER]", help="Its name in the list: AGENT/EVENT-ID.")
    ] = ""
    all: Annotated[bool, typer.Option("--all", help="All of them.")] = False


def list_(given: Given) -> Exit:
    """List dead letters: events that could not be dealt with."""
    return session.go(_list(given))


def show(given: GivenLetter) -> Exit:
    """Show a dead letter whole."""
    return session.go(_show(given))


def retry(given: GivenLetters) -> Exit:
    """Have a dead letter tried again, from the beginning."""
    return session.go(_each(given, "retried"))


def drop(given: GivenLetters) -> Exit:
    """Forget a dead letter."""
    return session.go(_each(given, "dropped"))


lazy.add(dead, list_, name="list")
for _act in (show, retry, drop):
    lazy.add(dead, _act)


async def _all(desk: Desk) -> list[Letter]:
    found: list[Letter] = []
    while page := await desk.events.dead(found[-1].key if found else "", _PAGE):
        found += page
    return found


async def _list(given: Given) -> Exit:
    out = Output(json=given.json)
    async with session.desk(given) as desk:
        found = await _all(desk)
    out.document({"dead": [_shape(letter) for letter in found]})
    if found:
        out.table(_COLUMNS, [_row(letter) for letter in found])
    else:
        out.note("No dead letters.")
    return Exit.OK


def _row(letter: Letter) -> tuple[str, ...]:
    kind = "" if letter.event is None else letter.event.event_type
    return (letter.key, kind, str(letter.tries), when(letter.first_at), short(letter.error))


def _shape(letter: Letter) -> dict[str, Any]:
    event = None if letter.event is None else msgspec.to_builtins(letter.event)
    return {**shapes.full(letter), "key": letter.key, "event": event}


async def _show(given: GivenLetter) -> Exit:
    out = Output(json=given.json)
    async with session.desk(given) as desk:
        letter = await desk.events.letter(given.key)
    out.document({"letter": _shape(letter)})
    out.say(f"{letter.key}, {letter.tries} tries, last {when(letter.last_at)}")
    out.say(letter.error)
    shown = letter.raw if letter.event is None else msgspec.json.encode(letter.event).decode()
    out.say(shown)
    return Exit.OK


async def _each(given: GivenLetters, done: str) -> Exit:
    out = Output(json=given.json)
    if bool(given.key) == given.all:
        raise Invalid(
            "Which dead letter?", kept="All of them.", todo="Name one, or say --all; not both."
        )
    handled, left = [], []
    async with session.desk(given) as desk:
        keys = [letter.key for letter in await _all(desk)] if given.all else [given.key]
        act = desk.events.retry if done == "retried" else desk.events.drop
        for key in keys:
            try:
                await act(key)
            except (WrongState, LetterUnknown):  # of all, those that can be
                if not given.all:
                    raise
                left.append(key)
            else:
                handled.append(key)
    out.document({done: handled, "left": left})
    for key in handled:
        out.say(f"{key} {done}.")
    for key in left:
        out.warn(f"{key} stays: it cannot be read.")
    return Exit.OK
