"""A scene: one request, as the rules of a script look at it. Nothing is computed before it is asked."""

from functools import cached_property
from typing import Any

from folkmoot.core.messages import Answered, Returned, Said
from folkmoot.ports.model import Request


class Scene:
    """What a script can see: the conversation of one request and nothing else.

    `turn` is the number of the model's replies so far; `attempt` how often this turn of this run was
    asked (from 1), where the script looks at it.
    """

    def __init__(self, request: Request, attempt: int = 1) -> None:
        """Look at a request."""
        self.request = request
        self.attempt = attempt
        turn = 0
        for message in request.messages:
            if type(message) is Answered:
                turn += 1
        self.turn = turn

    @cached_property
    def input(self) -> str:
        """The first words to the model: the task."""
        return next((m.text for m in self.request.messages if isinstance(m, Said)), "")

    @cached_property
    def said(self) -> str:
        """The last words to the model."""
        return next((m.text for m in reversed(self.request.messages) if isinstance(m, Said)), "")

    @cached_property
    def new(self) -> list[dict[str, Any]]:
        """The tool results since the model's last reply."""
        fresh = 0
        for message in reversed(self.request.messages):
            if isinstance(message, Answered):
                break
            fresh += isinstance(message, Returned)
        return self.results[len(self.results) - fresh :]

    @cached_property
    def results(self) -> list[dict[str, Any]]:
        """All tool results, oldest first: name, text, args of the call, error (true for a failure)."""
        found: list[dict[str, Any]] = []
        args: dict[str, dict[str, Any]] = {}
        for message in self.request.messages:
            if isinstance(message, Answered):
                args = {call.id: call.args for call in message.calls}
            elif isinstance(message, Returned):
                found.append(
                    {
                        "name": message.name,
                        "text": message.text,
                        "args": args.get(message.call, {}),
                        "error": message.error,
                    }
                )
        return found

    def names(self) -> dict[str, Any]:
        """Return the names that a template may use."""
        results = self.results
        return {
            "input": self.input,
            "said": self.said,
            "turn": self.turn,
            "attempt": self.attempt,
            "results": results,
            "new": self.new,
            "last": results[-1]
            if results
            else {"name": "", "text": "", "args": {}, "error": False},
        }
