"""Equal agents have equal digests, however they came to be."""

import msgspec

from folkmoot.core.agent import Agent, Limits, ModelChoice, SandboxUse


def sample(**fields) -> Agent:
    return Agent(
        name="a", instructions="Work.", model=ModelChoice(provider="p", name="m"), **fields
    )


def test_a_default_written_out_is_the_same_as_one_left_out():
    # Made at run time: other objects than the defaults, with the same values.
    limits = Limits(iterations=int("50"), tool_seconds=float("60"), tool_output=int("30000"))
    assert sample(limits=limits, sandbox=SandboxUse()).digest() == sample().digest()


def test_an_agent_read_back_from_its_canonical_form_has_its_digest():
    agent = sample(limits=Limits(iterations=7, seconds=1.5), grants=("a:b",), labels={"x": "y"})
    again = msgspec.json.decode(agent.canonical(), type=Agent)
    assert again == agent
    assert again.digest() == agent.digest()


def test_the_order_of_keys_does_not_count():
    one, two = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}
    assert sample(options=one).digest() == sample(options=two).digest()
