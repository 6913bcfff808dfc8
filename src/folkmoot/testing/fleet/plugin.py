"""What every member of a fleet loads: a model and tools that leave witnesses, and an observer.

The input of a task is JSON (see Ask). The model looks, writes down, keeps and posts: one tool of each
effect class, and then says that it is done, whatever it was told of its calls. Each call may be held in
its middle, so that it can be met by a fault: the effect comes after the hold.
"""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from folkmoot.core.entries import Body, Entry
from folkmoot.core.messages import Answered, Said, ToolCall
from folkmoot.core.run import Run
from folkmoot.ports.clock import Clock
from folkmoot.ports.model import Answer, Request
from folkmoot.ports.tool import ToolContext
from folkmoot.testing.fleet.witness import Line, Witness
from folkmoot.tools.functions import tool

if TYPE_CHECKING:
    from folkmoot.app import App

WITNESS = "FLEET_WITNESS"
PACE = "FLEET_PACE_S"


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """A task: its key, and which call (`model` or a tool's name) is held for how many seconds."""

    key: str
    hold: str = ""
    hold_s: float = 0.0

    def text(self) -> str:
        """Return the input that says so."""
        return msgspec.json.encode(self).decode()


class World:
    """What the tools act upon, and who writes it down."""

    def __init__(self, witness: Witness, clock: Clock, pace_s: float) -> None:
        """Each call takes `pace_s`, half of it before its effect."""
        self._witness = witness
        self._clock = clock
        self._pace_s = pace_s

    async def call(self, kind: str, name: str, ask: Ask, effect: str) -> str:
        """Begin, hold, act, return."""
        self._saw("begin", kind, name, ask, effect)
        await asyncio.sleep(self._pace_s / 2 + (ask.hold_s if ask.hold == name else 0))
        self._saw("act", kind, name, ask, effect)
        await asyncio.sleep(self._pace_s / 2)
        return f"{name} {ask.key}"

    def happened(self, effect: str) -> bool:
        """Whether an effect took place."""
        return any(line.what == "act" and line.effect == effect for line in self._witness.read())

    def wrote(self, run: Run, entry: Entry, body: Body) -> None:  # noqa: ARG002 - an observer's shape
        """Be told of an entry that is durable now."""
        line = Line(
            what="entry",
            kind=entry.kind,
            run=run.id,
            seq=entry.seq,
            fence=run.fence,
            pid=os.getpid(),
            at=entry.at,
        )
        self._witness.saw(line)

    def _saw(self, what: str, kind: str, name: str, ask: Ask, effect: str) -> None:
        line = Line(
            what=what,
            kind=kind,
            name=name,
            effect=effect,
            key=ask.key,
            run=effect.partition("/")[0],
            pid=os.getpid(),
            at=self._clock.now(),
        )
        self._witness.saw(line)


TURNS = (("look", "note"), ("keep",), ("post",))


def register(app: "App") -> None:
    """Add the model, the tools and the observer."""
    world = World(Witness(Path(app.env[WITNESS])), app.clock, float(app.env.get(PACE, "0.02")))

    async def model(request: Request) -> Answer:
        ask = _ask(next(m.text for m in request.messages if isinstance(m, Said)))
        await world.call("model", "model", ask, request.effect)
        turn = sum(isinstance(m, Answered) for m in request.messages)
        if turn >= len(TURNS):
            return Answer(text=f"done {ask.key}")
        args = {"ask": ask.text()}
        calls = tuple(ToolCall(f"{name}-{turn}", name, args) for name in TURNS[turn])
        return Answer(calls=calls, finish="tools")

    app.models.script("fleet", model)
    app.observers.append(world.wrote)
    _add_tools(app, world)


def _ask(text: str) -> Ask:
    return msgspec.json.decode(text, type=Ask)


def _add_tools(app: "App", world: World) -> None:
    @tool(effect="pure")
    async def look(ask: str, context: ToolContext) -> str:
        """Read something."""
        return await world.call("pure", "look", _ask(ask), context.effect)

    @tool(effect="idempotent")
    async def note(ask: str, context: ToolContext) -> str:
        """Write something that may be written twice."""
        return await world.call("idempotent", "note", _ask(ask), context.effect)

    async def kept(ask: str, context: ToolContext) -> str | None:
        return f"keep {_ask(ask).key}" if world.happened(context.effect) else None

    @tool(effect="reconcilable", reconcile=kept)
    async def keep(ask: str, context: ToolContext) -> str:
        """Do something that can be asked about."""
        return await world.call("reconcilable", "keep", _ask(ask), context.effect)

    @tool(effect="once")
    async def post(ask: str, context: ToolContext) -> str:
        """Do something that must not be done twice."""
        return await world.call("once", "post", _ask(ask), context.effect)

    for each in (look, note, keep, post):
        app.toolbox.add(each)
