"""What a provider refuses, and how that is told."""

# ruff: noqa: D102, PLR2004 - a test's name is its docstring, literal expectations are the point

import pytest

from folkmoot.core.errors import (
    ContextTooLong,
    ModelAuth,
    ModelFault,
    ModelRejected,
    ModelUnreachable,
    Overloaded,
    RateLimited,
)
from folkmoot.testing.contracts.model.bench import Base, Bench, fails
from folkmoot.testing.wires.script import Refuse, Say


class Faults(Base):
    """What a provider refuses, and how that is told."""

    async def test_too_many_requests_tell_how_long_to_wait(
        self, bench: Bench, streamed: bool
    ) -> None:
        await bench.script(Refuse(status=429, headers={"retry-after": "7"}))
        fault = await fails(bench, RateLimited, streamed=streamed)
        assert fault.retryable
        assert await bench.asked() == 1
        if "wait" not in self.gaps:
            assert fault.retry_after == 7.0

    @pytest.mark.parametrize("status", [500, 503, 529])
    async def test_a_provider_that_fails_inside_is_overloaded_and_asked_once(
        self, bench: Bench, status: int, streamed: bool
    ) -> None:
        await bench.script(Refuse(status=status), Say(text="A second attempt was hidden."))
        fault = await fails(bench, Overloaded, streamed=streamed)
        assert fault.retryable
        assert await bench.asked() == 1

    async def test_an_error_inside_a_stream_is_the_same_error(self, bench: Bench) -> None:
        self.needs("late")
        await bench.script(Refuse(status=429, late=True))
        await fails(bench, RateLimited, streamed=True)
        await bench.script(Refuse(status=503, late=True))
        await fails(bench, Overloaded, streamed=True)

    @pytest.mark.parametrize(
        ("status", "message", "kind"),
        [
            (401, "Who are you?", ModelAuth),
            (403, "Not for you.", ModelAuth),
            (400, "The field x is wrong.", ModelRejected),
            (404, "There is no such model.", ModelRejected),
            (400, "Input is too long: prompt is too long for the context window.", ContextTooLong),
        ],
    )
    async def test_a_refused_request_is_not_worth_a_retry(
        self, bench: Bench, status: int, message: str, kind: type[ModelFault]
    ) -> None:
        await bench.script(Refuse(status=status, message=message))
        fault = await fails(bench, kind, streamed=True)
        assert not fault.retryable
        assert await bench.asked() == 1

    async def test_no_key_is_in_an_error(self, bench: Bench) -> None:
        self.needs("keys")
        echo = f"The key {bench.secret} (Bearer {bench.secret}) is not known here."
        for status in (401, 500):
            await bench.script(Refuse(status=status, message=echo))
            fault = await fails(bench, ModelFault, streamed=True)
            told = f"{fault} {fault!r} {fault.message} {fault.todo} {fault.details}"
            assert bench.secret not in told
            assert fault.__cause__ is None
            assert fault.__context__ is None

    async def test_nobody_at_the_address_is_unreachable(self, bench: Bench, streamed: bool) -> None:
        self.needs("gone")
        await bench.script(Say(text="Nobody hears this."))
        await bench.vanish()
        fault = await fails(bench, ModelUnreachable, streamed=streamed)
        assert fault.retryable
