"""Functions as tools: `@tool` makes one of a typed Python function.

    @tool(effect="once", needs=("mail:send:{to}",))
    async def send_mail(to: str, text: str, context: ToolContext) -> str:
        '''Send a mail.'''

The name, the description and the arguments' descriptions come from the function and its docstring
(Google style), the JSON Schema from its type hints. A parameter of type ToolContext is given by the system and not
shown to the model. An unstated effect is `once`: what is not known is treated with most care.

An async function runs on the event loop and is cancelled on time-out. A sync function runs in a
thread, which nothing can stop: on time-out its result is thrown away, but it goes on.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, TypeVar, overload

import msgspec

from folkmoot.core.agent import Agent
from folkmoot.core.effects import Effect
from folkmoot.core.errors import Invalid, ToolFault
from folkmoot.core.verdict import Need
from folkmoot.ports.tool import Tool, ToolContext, ToolResult, ToolSpec
from folkmoot.tools import docstring, options, pool
from folkmoot.tools.names import checked
from folkmoot.tools.signature import Signature
from folkmoot.tools.templates import compile_template

P = ParamSpec("P")
R = TypeVar("R")


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """What `@tool(…)` was given."""

    name: str = ""
    effect: Effect = Effect.ONCE
    needs: tuple[str, ...] = ()
    ordinary: bool = False
    reconcile: Callable[..., Any] | None = None
    timeout_s: float | None = None


class FunctionTool(Generic[P, R]):
    """A function that is a tool. Calling the object calls the function, as before."""

    def __init__(self, function: Callable[P, R], declared: Declared) -> None:
        self.function = function
        functools.update_wrapper(self, function)
        self.name = checked(declared.name or function.__name__)
        doc = docstring.parse(function.__doc__)
        self._signature = Signature(function, doc.args)
        self._templates = tuple(
            compile_template(need, self._signature.names, ordinary=declared.ordinary)
            for need in declared.needs
        )
        self._reconcile = declared.reconcile
        self._asked = self._asking(declared.reconcile)
        self._waits = inspect.iscoroutinefunction(function)
        self.spec = ToolSpec(
            name=self.name,
            description=doc.text or self.name.replace("_", " "),
            schema=self._signature.schema,
            effect=declared.effect,
            timeout_s=declared.timeout_s,
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, outside of any run."""
        return self.function(*args, **kwargs)

    def factory(self, agent: Agent, given: dict[str, Any]) -> tuple[Tool, ...]:  # noqa: ARG002 - ToolFactory's shape
        """Return the tool for an agent; it takes no options."""
        options.read(self.name, given, options.NoOptions)
        return (self,)

    def actions(self) -> dict[str, tuple[str, ...]]:
        """Return what permissions it may ask for: actions by service."""
        found: dict[str, tuple[str, ...]] = {}
        for each in self._templates:
            found[each.service] = (*found.get(each.service, ()), each.action)
        return found

    def needs(self, args: dict[str, Any]) -> tuple[Need, ...]:
        """Fill the declared needs with the arguments."""
        if not self._templates:
            return ()
        known = {**self._signature.defaults, **args} if self._signature.defaults else args
        if len(self._templates) == 1:
            return self._templates[0].needs(known)
        return tuple(dict.fromkeys(n for t in self._templates for n in t.needs(known)))

    async def call(self, args: dict[str, Any], context: ToolContext) -> ToolResult:
        """Call the function with the arguments as its types want them."""
        try:
            values = self._signature.read(args)
        except Invalid as fault:
            return ToolResult(fault.message, "INVALID_ARGS")
        if self._signature.context:
            values[self._signature.context] = context
        function: Callable[..., Any] = self.function
        given = await (function(**values) if self._waits else _run(function, values))
        return rendered(given, self.name)

    async def reconcile(self, args: dict[str, Any], context: ToolContext) -> ToolResult | None:
        """Ask the reconcile function; it takes the same arguments."""
        if self._reconcile is None or self._asked is None:
            raise ToolFault(f"The tool {self.name!r} cannot tell whether it took effect.")
        values = self._asked.read(args)
        if self._asked.context:
            values[self._asked.context] = context
        found = await _run(self._reconcile, values)
        return None if found is None else rendered(found, self.name)

    def _asking(self, reconcile: Callable[..., Any] | None) -> Signature | None:
        """Return how the reconcile function is called. Raises Invalid when it takes other arguments."""
        if reconcile is None:
            return None
        asked = Signature(reconcile, {})
        if set(asked.names) != set(self._signature.names):
            raise Invalid(
                f"The reconcile function of {self.name!r} takes other arguments than the tool.",
                todo=f"Give it these: {', '.join(self._signature.names) or 'none'}.",
            )
        return asked


@overload
def tool(function: Callable[P, R], /) -> FunctionTool[P, R]: ...
@overload
def tool(
    *,
    name: str = "",
    effect: Effect | str = Effect.ONCE,
    needs: Sequence[str] = (),
    ordinary: bool = False,
    reconcile: Callable[..., Any] | None = None,
    timeout_s: float | None = None,
) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...
def tool(
    function: Callable[P, R] | None = None, /, **declared: Any
) -> FunctionTool[P, R] | Callable[[Callable[P, R]], FunctionTool[P, R]]:
    """Make a tool of a function: `@tool`, or `@tool(effect="pure", needs=("mail:read",))`.

    - `effect`: pure, idempotent, reconcilable or once; says what recovery may do.
    - `needs`: permissions that a call needs; `{argument}` may stand in the resource.
    - `ordinary`: naming the tool in the agent file gives these permissions. Only for what stays
      inside the workspace.
    - `reconcile`: for `reconcilable`: a function with the same parameters that returns the result
      of an interrupted call, or None when it did not take effect, and raises when it cannot tell.
    - `timeout_s`: for one call, instead of the agent's own limit.

    Raises Invalid.
    """
    if function is not None:
        return FunctionTool(function, Declared())
    about = _declared(declared)
    return lambda given: FunctionTool(given, about)


def _declared(given: dict[str, Any]) -> Declared:
    try:
        effect = Effect(given.pop("effect", Effect.ONCE))
    except ValueError:
        raise Invalid("The effect of a tool is pure, idempotent, reconcilable or once.") from None
    needs = given.pop("needs", ())
    if isinstance(needs, str):
        raise Invalid(f"The needs of a tool are a list: write needs=({needs!r},).")
    if (effect is Effect.RECONCILABLE) is not (given.get("reconcile") is not None):
        raise Invalid("A tool has a reconcile function exactly when its effect is reconcilable.")
    return Declared(effect=effect, needs=tuple(needs), **given)


def rendered(value: Any, name: str) -> ToolResult:
    """Return what a function gave back: text as it is, everything else as JSON."""
    if isinstance(value, ToolResult):
        return value
    if isinstance(value, str):
        return ToolResult(value)
    try:
        return ToolResult(msgspec.json.encode(value, enc_hook=_plain).decode())
    except (TypeError, ValueError, RecursionError) as fault:
        raise ToolFault(
            f"The tool {name!r} did its work, but what it returned cannot be written as JSON: "
            f"{fault}.",
            todo="Return text, or values that JSON knows.",
        ) from fault


def _plain(value: Any) -> Any:
    """Turn pydantic models into what JSON knows."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"a value of type {type(value).__name__}")
    return dump(mode="json")


async def _run(function: Callable[..., Any], values: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(**values)
    return await pool.run(functools.partial(function, **values))
