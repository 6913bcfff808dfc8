"""The bench of the models' suite, and the questions that its tests ask."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import pytest

from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import ModelFault
from folkmoot.core.messages import Answered, Message, Returned, Said
from folkmoot.ports.model import Answer, Model, Request, ToolView
from folkmoot.testing.wires.script import Reply

TOOL = ToolView(
    "look",
    "Look at a place.",
    {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
)
SOON = 5.0


class Bench(Protocol):
    """A model under test, and the strings that move its provider."""

    choice: ModelChoice
    secret: str
    left: asyncio.Event
    """Set when the provider saw the client go away before its reply was complete."""

    @property
    def model(self) -> Model:
        """The model; asked for after `script`."""
        ...

    async def script(self, *replies: Reply) -> None:
        """Say what the provider answers, to each request in turn."""
        ...

    async def asked(self) -> int:
        """Return how many requests arrived."""
        ...

    async def heard(self) -> str:
        """Return the last request that arrived, as text."""
        ...

    async def vanish(self) -> None:
        """Let nobody listen any more."""
        ...


class Base:
    """What all parts of the suite share: the bench, both ways to ask, the gaps."""

    gaps: frozenset[str] = frozenset()

    @pytest.fixture
    def bench(self) -> Bench:
        """Override: a fresh bench."""
        raise NotImplementedError

    @pytest.fixture(params=["whole", "streamed"])
    def streamed(self, request: pytest.FixtureRequest) -> bool:
        """Both ways to ask."""
        if request.param == "whole":
            self.needs("whole")
        return bool(request.param == "streamed")

    def needs(self, *names: str) -> None:
        """Skip what is declared as a gap."""
        for name in names:
            if name in self.gaps:
                pytest.skip(f"declared gap: {name}")


def question(bench: Bench, *messages: Message) -> Request:
    """Return a request with these messages, or with one."""
    return Request(
        choice=bench.choice,
        system="You keep watch over a small harbour.",
        messages=list(messages) or [Said("Look around.")],
        tools=[TOOL],
        effect="run_1/3/m1",
    )


async def ask(bench: Bench, *messages: Message, streamed: bool) -> Answer:
    """Ask, and check that what was streamed is what was answered."""
    pieces: list[str] = []
    answer = await bench.model.call(question(bench, *messages), pieces.append if streamed else None)
    assert not streamed or "".join(pieces) == answer.text
    return answer


async def fails(bench: Bench, kind: type[ModelFault], *, streamed: bool) -> ModelFault:
    """Ask, and return the fault that this must raise."""
    with pytest.raises(kind) as caught:
        await ask(bench, streamed=streamed)
    assert isinstance(caught.value, ModelFault)
    return caught.value


def answered(answer: Answer) -> Answered:
    """Return an answer as it stands in a transcript."""
    return Answered(answer.text, answer.calls, answer.thoughts)


def after(answer: Answer, result: str) -> Sequence[Message]:
    """Return a transcript that goes on after the first call of an answer."""
    call = answer.calls[0]
    return [Said("Look around."), answered(answer), Returned(call.id, call.name, result)]
