"""A program: how an agent thinks, as a pure function of where its run stands."""

from typing import Protocol

from folkmoot.core.agent import Agent
from folkmoot.core.steps import Step
from folkmoot.core.view import View


class Program(Protocol):
    """Says what comes next.

    It is asked after every change of the view, and after a crash with the view that the journal
    gives; it keeps nothing of its own and reads no clock. The steps it returns may run side by
    side. It returns no step only while calls of the last reply are still open.
    """

    def __call__(self, view: View, agent: Agent) -> list[Step]:
        """Return the next steps."""
        ...
