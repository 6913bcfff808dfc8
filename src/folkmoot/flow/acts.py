"""Acts: a step, reduced to what the gate must know of it."""

from collections.abc import Callable

from folkmoot.core import canonical
from folkmoot.core.agent import ModelChoice
from folkmoot.core.grants import parse
from folkmoot.core.messages import ToolCall
from folkmoot.core.spend import Price
from folkmoot.core.steps import CallModel
from folkmoot.core.verdict import Act, Need
from folkmoot.core.view import View
from folkmoot.ports.tool import Tool

UNPRICED = -1
_REPLY_TOKENS = 4096
_MODEL = parse("model:call")


Prices = Callable[[ModelChoice, str, int], Price | None]


def for_model(step: CallModel, choice: ModelChoice, prices: Prices, view: View) -> Act:
    """Return the act of asking a model; its estimate is a full prompt and a full reply.

    The instructions count with their length; `estimate` is UNPRICED when nobody knows the price.
    """
    prompt = view.tokens + len(step.system) // 4
    price = prices(choice, choice.name, prompt)
    most = choice.settings.get("max_tokens")
    reply = most if isinstance(most, int) and most > 0 else _REPLY_TOKENS
    estimate = UNPRICED if price is None else prompt * price.input + reply * price.output
    return Act(
        kind="model",
        name=str(choice),
        call=f"{view.head.seq + 1}.{step.purpose}",
        needs=(Need(_MODEL, ordinary=True),),
        estimate=estimate,
        tokens=prompt,
    )


def for_tool(call: ToolCall, tool: Tool, definition: str, named: str) -> Act:
    """Return the act of calling a tool that the item `named` of the agent file gave. Its digest binds an approval to this very call."""
    return Act(
        kind="tool",
        name=call.name,
        named=named,
        call=call.id,
        needs=tool.needs(call.args),
        effect=tool.spec.effect,
        digest=canonical.digest([definition, call.name, call.args]),
    )
