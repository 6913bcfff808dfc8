"""The example of docs/how-to/add-a-broker.md works, and every capability is told of."""

import re
from pathlib import Path

from folkmoot.brokers.local import LocalBroker
from folkmoot.core.events import Event
from folkmoot.testing.contracts import broker as contract

HOW_TO = (Path(__file__).parents[3] / "docs" / "how-to" / "add-a-broker.md").read_text("utf-8")


async def test_the_example_is_a_contract_over_an_open_broker():
    names = {}
    exec(HOW_TO.split("```python\n")[1].split("```")[0], names)
    example = names["TestMyBroker"]
    assert issubclass(example, contract.BrokerContract)
    async for broker in example.broker._get_wrapped_function()(example()):
        async with broker.listen("a"):
            await broker.publish(Event("a"))
        await broker.put("q", "run_1")
        assert [delivery.run for delivery in await broker.take("q")] == ["run_1"]


def test_every_capability_that_the_contract_knows_is_documented():
    known = set(re.findall(r"^    (\w+) {3,}", contract.__doc__, re.MULTILINE))
    assert known >= LocalBroker.capabilities
    assert set(re.findall(r"^\| `(\w+)`", HOW_TO, re.MULTILINE)) == known
