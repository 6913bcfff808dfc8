"""A policy: one rule of the gate."""

from collections.abc import Awaitable
from typing import Protocol

import msgspec

from folkmoot.core.agent import Agent
from folkmoot.core.verdict import Act, Verdict
from folkmoot.core.view import View


class Case(msgspec.Struct, frozen=True):
    """What a policy may look at: the act, the agent, where the run stands, the time (ms)."""

    act: Act
    agent: Agent
    view: View
    now: int


class Policy(Protocol):
    """One rule. It answers Allow, Ask or Deny, or None when it has nothing to say.

    A policy never does anything to the world. When what it depends on is down it raises, and the
    gate takes that as Deny: it fails closed. It is asked once for each act, in a declared order.

    A rule that decides by looking at its case is a plain function. One that must ask somebody else
    (a service, a file) is `async def`: the event loop is never blocked. The gate takes either.
    """

    name: str

    def judge(self, case: Case) -> Verdict | Awaitable[Verdict | None] | None:
        """Return a verdict, or None to abstain."""
        ...
