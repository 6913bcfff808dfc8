"""Asks the person at the terminal what a run waits for.

The journal says what is open, not this file: every entry that touches an approval or a question
ends the prompt that stands, and what the desk then lists as open and this person has not
answered is asked. So an answer that came from elsewhere ends the prompt, and nothing is asked twice.
Only a clear yes approves; anything else is asked again. Without a terminal nobody is asked.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from folkmoot.cli import lines
from folkmoot.cli.output import Output
from folkmoot.core import entries as e
from folkmoot.core.entries import Entry
from folkmoot.core.errors import Conflict, Denied
from folkmoot.core.messages import ToolCall
from folkmoot.core.signals import AnySignal, Say, Vote
from folkmoot.ports.desk import Delta, Desk, Question

_TOUCHES = (e.StepAsked, e.StepVoted, e.ApprovalExpired, e.Asked, e.MessageAdded)
_TYPED = 65536  # a terminal gives one line at a time, and none longer than this
_YES, _NO = {"y", "yes"}, {"n", "no"}


class Person:
    """The one who sits at the terminal. `close` ends a prompt that stands."""

    def __init__(self, desk: Desk, out: Output, by: str) -> None:
        self._desk = desk
        self._out = out
        self._by = by
        self._answered: set[str] = set()
        self._asking: asyncio.Task[None] | None = None
        self.present = sys.stdin.isatty() and sys.stdout.isatty() and not out.json and not out.quiet

    async def hear(self, item: Entry | Delta) -> None:
        """Ask, or stop asking, when an entry says so."""
        if isinstance(item, Delta):
            return
        body = item.read()
        if isinstance(body, e.StepAsked | e.Asked) and not self.present:
            self._out.note(_elsewhere(item.run, body))
        if self.present and (isinstance(body, _TOUCHES) or self._asking):
            await self.close()
            question = body.question if isinstance(body, e.Asked) else ""
            self._asking = asyncio.create_task(self._ask(item.run, question))
            self._asking.add_done_callback(_ender(asyncio.current_task()))

    async def close(self) -> None:
        """End the prompt that stands, if one does."""
        if self._asking is not None:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking
            self._asking = None

    async def _ask(self, run: str, question: str) -> None:
        for open_ in await self._desk.questions(run):
            if open_.approval not in self._answered and self._by not in open_.yes:
                await self._approval(open_)
        if question:
            said = await typed("your answer> ")
            if said:
                await self._tell(run, Say(said, self._by))

    async def _approval(self, asked: Question) -> None:
        call = lines.call(ToolCall("", asked.act, asked.args))
        self._out.say(f"?  {call}: {asked.reason}", "bold cyan")
        while True:
            said = await typed("approve? [y/n, then a note if you like]> ")
            word, _, note = (said or "").partition(" ")
            if said is None:
                self._out.note(f"Left open: `folkmoot approve {asked.run} {asked.approval}`.")
                return
            if word.lower() in _YES | _NO:
                break
        self._answered.add(asked.approval)
        vote = Vote(asked.approval, word.lower() in _YES, self._by, note.strip())
        await self._tell(asked.run, vote)

    async def _tell(self, run: str, signal: AnySignal) -> None:
        try:
            await self._desk.tell(run, signal)
        except (Conflict, Denied) as error:  # answered elsewhere, ended, or not yours to answer
            self._out.note(error.message)


def _elsewhere(run: str, body: e.StepAsked | e.Asked) -> str:
    if isinstance(body, e.Asked):
        return f'   answer with: folkmoot say {run} "…"'
    return f"   answer with: folkmoot approve {run} {body.approval}   (or deny)"


def _ender(follower: asyncio.Task[Any] | None) -> Callable[[asyncio.Task[None]], None]:
    """Return what ends the follower when asking fails: nobody would answer, and it would wait forever.

    The failure itself comes out of `close`.
    """

    def end(asking: asyncio.Task[None]) -> None:
        if not asking.cancelled() and asking.exception() is not None and follower is not None:
            follower.cancel()

    return end


async def typed(prompt: str) -> str | None:
    """Read one line from the terminal, or None at its end; cancelling it leaves the rest unread.

    The loop watches the terminal itself: a thread blocked in input() would keep the process alive
    after the run, or after Ctrl-C, until somebody presses Enter.
    """
    sys.stdout.write(prompt)
    sys.stdout.flush()
    loop, fd = asyncio.get_running_loop(), sys.stdin.fileno()
    coming: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        if not coming.done():
            coming.set_result(os.read(fd, _TYPED))

    loop.add_reader(fd, read)
    try:
        data = await coming
    finally:
        loop.remove_reader(fd)
    return data.decode(errors="replace").strip() if data else None
