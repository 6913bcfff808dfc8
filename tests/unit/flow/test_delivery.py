"""Replies go back through the gateway that asked, at least once, with a key against repetition."""

from folkmoot.core.task import ReplyTo
from folkmoot.flow.delivery import Delivery
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.replies import says, turns


class Pigeon:
    """A gateway that may fail, and drops what it has seen."""

    name = "pigeon"

    def __init__(self, failures: int = 0) -> None:
        self.arrived: dict[str, tuple[str, str]] = {}
        self.failures = failures
        self.tried = 0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def deliver(self, address: str, text: str, key: str) -> None:
        self.tried += 1
        if self.failures:
            self.failures -= 1
            raise ConnectionError("storm")
        self.arrived[key] = (address, text)


async def asked(pigeon: Pigeon) -> Harness:
    moot = Harness(agent(), replies=turns(says("Hi.")))
    moot.gateways["pigeon"] = pigeon
    await moot.__aenter__()
    await moot.ask("Hello", reply_to=ReplyTo("pigeon", "roof:4"))
    return moot


async def test_a_reply_arrives_where_it_was_asked_for() -> None:
    pigeon = Pigeon()
    moot = await asked(pigeon)
    assert await Delivery(moot.parts).once() == 1
    assert await Delivery(moot.parts).once() == 0
    assert list(pigeon.arrived.values()) == [("roof:4", "Hi.")]
    await moot.__aexit__(None, None, None)


async def test_a_failing_gateway_is_tried_again_later_and_not_at_once() -> None:
    pigeon = Pigeon(failures=2)
    moot = await asked(pigeon)
    delivery = Delivery(moot.parts)
    assert await delivery.once() == 0
    assert await delivery.once() == 0
    assert pigeon.tried == 1
    moot.clock.advance(1)
    assert await delivery.once() == 0
    moot.clock.advance(2)
    assert await delivery.once() == 1
    assert (await moot.desk.counts()).outbox == 0
    await moot.__aexit__(None, None, None)
