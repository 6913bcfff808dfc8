"""Replies for tests: what a model says, as functions of the conversation."""

import asyncio
from collections.abc import Callable

from folkmoot.core.messages import Answered, ToolCall
from folkmoot.core.spend import Usage
from folkmoot.ports.model import Answer, Request


def calls(*wanted: ToolCall | str) -> Answer:
    """Return a reply that asks for tools, given as calls or by name. 10 tokens in, 5 out."""
    made = [ToolCall(f"c{n}", w) if isinstance(w, str) else w for n, w in enumerate(wanted)]
    return Answer(calls=tuple(made), usage=Usage(10, 5), finish="tools")


def says(text: str) -> Answer:
    """Return a reply of text. 20 tokens in, 10 out."""
    return Answer(text=text, usage=Usage(20, 10))


def turns(*answers: Answer | Exception) -> Callable[[Request], Answer]:
    """Return replies in order, the last for ever; the turn is read from the conversation."""

    def reply(request: Request) -> Answer:
        at = sum(isinstance(message, Answered) for message in request.messages)
        answer = answers[min(at, len(answers) - 1)]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return reply


class Held:
    """A reply that waits until the test lets it go."""

    def __init__(self, answer: Answer) -> None:
        """`asked` is set when the model is asked, `go` lets it answer."""
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.count = 0
        self._answer = answer

    async def __call__(self, _: Request) -> Answer:
        """Wait for `go`."""
        self.count += 1
        self.asked.set()
        await self.go.wait()
        return self._answer
