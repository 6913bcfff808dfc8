"""`folkmoot talk`: a conversation with a continuous agent, with the whole system in this process.

The conversation is where every other process has it, too: whoever talks on under the same name, here
or through `folkmoot submit` or the API, talks to the same run.
"""

import sys
from collections.abc import AsyncIterator
from typing import Annotated

import typer
from msgspec import structs

from folkmoot.cli import session
from folkmoot.cli.exits import Exit
from folkmoot.cli.live import answer
from folkmoot.cli.options import AgentName, By, Conversation, Key, Options, me
from folkmoot.cli.output import Output
from folkmoot.cli.person import Person, typed
from folkmoot.cli.stop import Stop
from folkmoot.cli.watch import converse
from folkmoot.core.task import Task
from folkmoot.ports.desk import Desk


class Given(Options, frozen=True, kw_only=True):
    """With whom, about what."""

    agent: AgentName
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT", help="One message; `-` reads it from stdin. Else each line."
        ),
    ] = None
    conversation: Conversation = "main"
    key: Key = ""
    by: By = ""
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the answers.")] = False


def talk(given: Given) -> Exit:
    """Hold a conversation with a continuous agent, here and now."""
    return session.go(_talk(given))


async def _talk(given: Given) -> Exit:
    out = Output(json=given.json, quiet=given.quiet)
    system = session.here(given)
    name = await session.choose(system, given.agent, {})
    task = Task(agent=name, input="", source="cli", conversation=given.conversation)
    with Stop() as stop:
        async with system.running() as desk:
            ended = await stop.during(_lines(given, Talking(desk, out, me(given.by), task)))
            if ended is None:
                out.warn("\nStopping: the step under way ends; the conversation is kept.")
                await stop.drain(system, system.settings.grace_s)
    return Exit.INTERRUPTED if ended is None else ended


async def _lines(given: Given, talking: "Talking") -> Exit:
    """Say one thing, or whatever is typed until the end of input; the last answer counts."""
    if given.text is not None:
        return await talking.say(session.task_text(given.text), given.key)
    code, count = Exit.OK, 0
    async for line in _typed():
        count += 1
        code = await talking.say(line, f"{given.key}/{count}" if given.key else "")
    return code


async def _typed() -> AsyncIterator[str]:
    """Yield what is typed, or the lines of a file or pipe."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        for given in session.piped().splitlines():
            if given.strip():
                yield given.strip()
        return
    while (line := await typed("you> ")) is not None:
        if line:
            yield line


class Talking:
    """The conversation, as far as it was shown."""

    def __init__(self, desk: Desk, out: Output, by: str, task: Task) -> None:
        self._desk, self._out, self._by, self._task = desk, out, by, task
        self._shown = 0

    async def say(self, text: str, key: str) -> Exit:
        """Say something, show how it is worked on, and the answer."""
        desk, out = self._desk, self._out
        submitted = await desk.submit(structs.replace(self._task, input=text, key=key))
        run, message = submitted.run.id, submitted.message
        out.document({"type": "submitted", "run": run, "message": message})
        person, after = Person(desk, out, self._by), max(self._shown, submitted.run.head)
        if submitted.new:
            self._shown = await converse(desk, run, out, person, message=message, after=after)
        found = await desk.answer(run, message)
        seen = submitted.new and not out.quiet
        return Exit.FAILED if found is None else answer(out, found, seen=seen)
