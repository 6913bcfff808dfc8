"""Perform a tool call: within its time, its output cut to its limit, granted secrets masked.

What recovery does with a call that was begun and whose end nobody saw is decided here too, by the
tool's effect class: a `reconcilable` one is asked, a `once` one is put in doubt.

Danger: a tool is foreign code. It may call `sys.exit`, let the cancel of a task of its own escape, or
end with what a library in Rust raises when it panics; none of that is an Exception, and each would end
the worker or leave the run to nobody. A cancel is let through only when somebody cancelled us.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import msgspec

from folkmoot.core.effects import Effect, effect_id
from folkmoot.core.entries import ToolDoubted, ToolReturned
from folkmoot.core.errors import FolkmootError, ToolFault, ToolTimeout
from folkmoot.core.messages import ToolCall, whole
from folkmoot.core.verdict import Act
from folkmoot.core.view import View
from folkmoot.flow import acts
from folkmoot.flow.alarms import Alarms, TimeUp
from folkmoot.flow.kit import Kit
from folkmoot.flow.parts import Parts
from folkmoot.ports.tool import Tool, ToolContext, ToolResult

_R = TypeVar("_R")


class ToolCaller:
    """Calls tools."""

    def __init__(self, parts: Parts) -> None:
        """Nothing is started."""
        self._parts = parts
        self._alarms = Alarms()

    def act(self, kit: Kit, view: View, call: ToolCall) -> Act | ToolReturned:
        """Return what the gate must know of a call, or what is wrong before it need be asked."""
        try:
            wrong = self._wrong(kit, call)
            if wrong is not None:
                return wrong
            return acts.for_tool(call, kit.tools[call.name], view.definition, kit.named[call.name])
        except Exception as fault:  # noqa: BLE001 - a schema or needs() of somebody's own
            text = f"The tool broke before it was called: {_words(fault)}"
            return _returned(call, text, "TOOL_BROKEN")

    def _wrong(self, kit: Kit, call: ToolCall) -> ToolReturned | None:
        tool = kit.tools.get(call.name)
        if tool is None:
            names = ", ".join(sorted(kit.tools)) or "none"
            return _returned(
                call, f"There is no tool {call.name!r}. Tools: {names}.", "TOOL_NOT_FOUND"
            )
        if call.raw:
            return _returned(call, "The arguments are not a JSON object.", "INVALID_ARGS")
        mistakes = self._parts.mistakes(tool, call.args)
        if mistakes:
            return _returned(call, "Wrong arguments: " + " ".join(mistakes), "INVALID_ARGS")
        return None

    async def call(self, kit: Kit, view: View, call: ToolCall) -> ToolReturned:
        """Do it; whatever happens is a result."""
        tool = kit.tools[call.name]
        context = self._context(kit, view, tool, call)
        clock = self._parts.clock
        began = clock.monotonic()
        result = await self._guarded(tool, call.args, context)
        text = _shown(result.text, context)
        ms = round((clock.monotonic() - began) * 1000)
        return ToolReturned(call=call.id, name=call.name, text=text, error=result.error, ms=ms)

    async def recover(
        self, kit: Kit, view: View, call: ToolCall
    ) -> ToolReturned | ToolDoubted | None:
        """Say what became of a call that was begun; None when it did not happen and may begin again."""
        tool = kit.tools.get(call.name)
        if tool is None or tool.spec.effect is not Effect.RECONCILABLE:
            return ToolDoubted(call=call.id, name=call.name)
        context = self._context(kit, view, tool, call)
        try:
            asked = tool.reconcile(call.args, context)
            found = await self._contained(asked, context.timeout_s)
            result = None if found is None else _sound(found)
        except Exception:  # noqa: BLE001 - whoever cannot tell leaves it in doubt
            return ToolDoubted(call=call.id, name=call.name)
        if result is None:
            return None
        text = _shown(result.text, context)
        return ToolReturned(
            call=call.id, name=call.name, text=text, error=result.error, reconciled=True
        )

    async def _guarded(self, tool: Tool, args: dict[str, Any], context: ToolContext) -> ToolResult:
        try:
            return _sound(await self._contained(tool.call(args, context), context.timeout_s))
        except TimeUp:
            return ToolResult(
                f"Not finished within {context.timeout_s:g} s; ended.", ToolTimeout.code
            )
        except FolkmootError as fault:
            return ToolResult(str(fault), fault.code)
        except Exception as fault:  # noqa: BLE001 - a tool's defect is the run's news, not the worker's end
            return ToolResult(f"The tool broke: {_words(fault)}", "TOOL_BROKEN")

    async def _contained(self, work: Awaitable[_R], seconds: float) -> _R:
        """Await a tool's work within its time. Whatever it raises comes out as an Exception."""
        task = asyncio.current_task()
        assert task is not None
        cancels = task.cancelling()
        try:
            return await self._alarms.limited(work, seconds)
        except (Exception, KeyboardInterrupt):  # Ctrl-C is a person's, not the tool's
            raise
        except BaseException as fault:
            if task.cancelling() > cancels:
                raise
            raise _Escaped(_words(fault)) from fault

    def _context(self, kit: Kit, view: View, tool: Tool, call: ToolCall) -> ToolContext:
        limits, env = kit.agent.limits, self._parts.env
        names = kit.agent.sandbox.env
        granted = {name: env[name] for name in names if name in env} if names else {}
        return ToolContext(
            run=view.run,
            call=call.id,
            effect=effect_id(view.run, view.reply, call.id),
            agent=kit.agent.name,
            workspace=kit.workspace,
            sandbox=kit.sandbox,
            env=granted,
            timeout_s=tool.spec.timeout_s or limits.tool_seconds,
            max_output=tool.spec.max_output or limits.tool_output,
        )


class _Escaped(Exception):
    """Something that is no Exception came out of a tool."""


def _words(fault: BaseException) -> str:
    """Return a fault's class and text; its own `__str__` may be broken, too."""
    if isinstance(fault, _Escaped):
        return str(fault.args[0])
    try:
        return f"{type(fault).__name__}: {fault}"
    except Exception:  # noqa: BLE001 - the name must do
        return type(fault).__name__


def _sound(result: ToolResult) -> ToolResult:
    """Return a result that the journal can hold. Raises ToolFault for what is no text.

    Subclasses of `str`, as parsers of HTML give them, become plain text.
    """
    if not isinstance(result, ToolResult):
        raise ToolFault(f"The tool did its work, but returned a {type(result).__name__}.")
    if not (isinstance(result.text, str) and isinstance(result.error, str)):
        raise ToolFault("The tool did its work, but its result's text or error code is no text.")
    return ToolResult(str(result.text), str(result.error))


def _returned(call: ToolCall, text: str, error: str) -> ToolReturned:
    return ToolReturned(call=call.id, name=call.name, text=text, error=error)


_SHORTEST_SECRET = 4


def _shown(text: str, context: ToolContext) -> str:
    """Return an output as the journal keeps it: whole characters, no granted secret, not too long."""
    return _cut(_masked(whole(text), context), context.max_output)


def _masked(text: str, context: ToolContext) -> str:
    """Take the values of granted variables out of a tool's output, also as JSON writes them.

    The longest first: a value may be a part of another, whose rest would stay.
    """
    for name, value in sorted(context.env.items(), key=lambda pair: -len(pair[1])):
        if len(value) >= _SHORTEST_SECRET:
            written = msgspec.json.encode(whole(value)).decode()[1:-1]
            text = text.replace(value, f"[{name}]").replace(written, f"[{name}]")
    return text


def _cut(text: str, limit: int) -> str:
    """Keep the beginning and the end of an output that is too long."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
