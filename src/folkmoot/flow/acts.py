"""Acts: a step, reduced to what the gate must know of it.

A model call is estimated at its prompt and a full reply. The prompt is counted by a rough rule, and by what
the provider counted beyond it the last time (instructions, schemas of tools, another script than Latin). Where money is limited the reply
is bounded: no more is held than may be spent, so no more may come than was held for. The bound goes to the
provider with the call. It is as large as what is left of `limits.usd` pays for, between LEAST and MOST
tokens; where a shared budget has less left, the call is tried again with what that pays for (`within`).
Whoever sets `max_tokens` has said himself how long a reply may be.
"""

from collections.abc import Callable

import msgspec

from folkmoot.core import canonical
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.errors import BudgetSpent
from folkmoot.core.grants import parse
from folkmoot.core.messages import ToolCall
from folkmoot.core.spend import Price, nanos
from folkmoot.core.steps import CallModel
from folkmoot.core.verdict import Act, Need
from folkmoot.core.view import View
from folkmoot.ports.tool import Tool

UNPRICED = -1
LEAST, MOST = 4096, 16_384
"""Tokens of a reply that nobody has set a length for."""
_MODEL = parse("model:call")


Prices = Callable[[ModelChoice, str, int], Price | None]


class Bill(msgspec.Struct, frozen=True):
    """What a model call may cost: tokens of the prompt, of the reply, their price; `bound` is ours."""

    prompt: int
    reply: int
    price: Price | None
    bound: bool = False

    @property
    def estimate(self) -> int:
        """Nanos; UNPRICED when nobody knows the price."""
        price = self.price
        return UNPRICED if price is None else self.prompt * price.input + self.reply * price.output


def bill(step: CallModel, agent: Agent, choice: ModelChoice, prices: Prices, view: View) -> Bill:
    """Return what asking a model may cost. Before the first reply the instructions count with their length."""
    prompt = view.tokens + max(len(step.system) // 4, view.surplus)
    price = prices(choice, choice.name, prompt)
    most = choice.settings.get("max_tokens")
    if isinstance(most, int) and most > 0:
        return Bill(prompt, most, price)
    if price is None or not price.output or not _limited(agent):
        return Bill(prompt, LEAST, price)
    if agent.limits.usd is None:
        return Bill(prompt, MOST, price, bound=True)
    left = nanos(agent.limits.usd) - (view.spend.owed - view.base.owed)
    return Bill(prompt, _affordable(left - prompt * price.input, price), price, bound=True)


def within(asked: Bill, fault: BudgetSpent) -> Bill | None:
    """Return the bill that what is left of a budget pays for; None when that is not enough."""
    given, price = fault.details, asked.price
    left = given["limit"] - given["spent"] - given["held"]
    if not asked.bound or price is None or asked.prompt * price.input + LEAST * price.output > left:
        return None
    return Bill(
        asked.prompt, _affordable(left - asked.prompt * price.input, price), price, bound=True
    )


def for_model(step: CallModel, choice: ModelChoice, bill: Bill, view: View) -> Act:
    """Return the act of asking a model."""
    return Act(
        kind="model",
        name=str(choice),
        call=f"{view.head.seq + 1}.{step.purpose}",
        needs=(Need(_MODEL, ordinary=True),),
        estimate=bill.estimate,
        tokens=bill.prompt,
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


def _limited(agent: Agent) -> bool:
    sums = (agent.limits.usd, agent.budget.usd_per_day, agent.budget.usd_per_month)
    return any(each is not None for each in sums)


def _affordable(left: int, price: Price) -> int:
    return max(min(left // price.output, MOST), LEAST)
