"""The plugin of `noop`'s worker and submitter: a program that replies at once."""

from folkmoot.app import App
from folkmoot.core.agent import Agent
from folkmoot.core.steps import Reply, Step
from folkmoot.core.view import View

ANSWER = "done"


def noop(_view: View, _agent: Agent) -> list[Step]:
    """Reply at once."""
    return [Reply(ANSWER)]


def register(app: App) -> None:
    """Add the program."""
    app.programs["noop"] = noop
